/// Policies that AWS manages and that permission sets may name, as far as they are known here.
///
/// A policy that is not known allows nothing. Documents are AWS' own ("AWS managed policies"
/// reference), except that of ReadOnlyAccess only what is about the services offered here is kept.
package enum ManagedPolicy {
    /// The document of a policy such as `arn:aws:iam::aws:policy/ReadOnlyAccess`; nil when it is
    /// not known.
    package static func document(arn: String) -> String? {
        guard arn.hasPrefix(prefix) else { return nil }
        return documents[String(arn.dropFirst(prefix.count))]
    }

    private static let prefix = "arn:aws:iam::aws:policy/"

    private static let documents = [
        "AdministratorAccess": allow(#""*""#),
        "PowerUserAccess": """
        {"Version":"2012-10-17","Statement":[\
        {"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],"Resource":"*"},\
        {"Effect":"Allow","Action":["account:GetAccountInformation",\
        "account:GetGovCloudAccountInformation","account:GetPrimaryEmail",\
        "account:ListRegions","iam:CreateServiceLinkedRole","iam:DeleteServiceLinkedRole",\
        "iam:ListRoles","organizations:DescribeEffectivePolicy",\
        "organizations:DescribeOrganization"],"Resource":"*"}]}
        """,
        "ReadOnlyAccess": allow(
            #"["cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","#
                + #""cloudtrail:LookupEvents","identitystore:Describe*","identitystore:List*","#
                + #""kms:Describe*","kms:Get*","kms:List*","sso:Describe*","sso:Get*","#
                + #""sso:List*","sso:Search*"]"#),
        "AWSKeyManagementServicePowerUser": allow(
            #"["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","#
                + #""kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","#
                + #""kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"]"#),
    ]

    private static func allow(_ actions: String) -> String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":\#(actions),"#
            + #""Resource":"*"}]}"#
    }
}
