/// The policy of keys that the system makes for itself: its services use them, the account may
/// look.
enum ServiceKeyPolicy {
    static func document(account: String) -> String {
        """
        {
          "Version": "2012-10-17",
          "Id": "service-managed-key-1",
          "Statement": [
            {
              "Sid": "AllowServicesToUseTheKey",
              "Effect": "Allow",
              "Principal": {"Service": ["sso.amazonaws.com", "identitystore.amazonaws.com"]},
              "Action": [
                "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "kms:ReEncryptFrom",
                "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:Sign",
                "kms:Verify", "kms:GetPublicKey", "kms:DescribeKey", "kms:ReplicateKey"
              ],
              "Resource": "*",
              "Condition": {"StringEquals": {"aws:SourceAccount": "\(account)"}}
            },
            {
              "Sid": "AllowTheAccountToLook",
              "Effect": "Allow",
              "Principal": {"AWS": "arn:aws:iam::\(account):root"},
              "Action": ["kms:Describe*", "kms:List*", "kms:Get*"],
              "Resource": "*"
            }
          ]
        }
        """
    }
}
