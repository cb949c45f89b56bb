import ArgumentParser
import Foundation
import Testing

@testable import portolan

@Suite("Command line")
struct CommandTests {
    @Test(
        "every command of the contract parses",
        arguments: [
            "pki init --directory d --trust-domain portolan.demo",
            "pki region --directory d --name eu-central-1 --host 127.0.0.1 --host localhost",
            "pki operator --directory d --name alice --role administrator",
            "pki show --directory d",
            "pki renew --directory d --region eu-central-1 --service keys",
            "pki renew --directory d --operator alice",
            "serve keys --config f", "serve all --config f",
            "health --service directory --config f",
            "status --json",
            "instance create --name N --kind account --identity-source external-idp",
            "instance show", "instance update --kms-key K --session-duration 3600",
            "instance update --administrators G", "instance set-idp --metadata f",
            "instance rotate-data-keys", "instance metadata", "region list", "region available",
            "region add eu-west-1 --no-wait",
            "region remove eu-west-1", "region show eu-west-1", "region verify",
            "region wait eu-west-1", "key create --multi-region --baseline-policy --alias alias/a",
            "key replicate K --to eu-west-1 --policy f", "key enable K --region eu-west-1",
            "key policy get K", "key policy put K --baseline-policy",
            "key policy diff K --to eu-west-1",
            "key policy copy K --from eu-central-1 --to eu-west-1",
            "key usage K --month 2026-11 --all-regions --summary",
            "key alias create alias/a --key K", "key alias update alias/a --key K",
            "key create --spec RSA_2048 --usage SIGN_VERIFY --origin external --tag a=b",
            "key rotation enable K --period 90", "key rotation disable K", "key rotation now K",
            "key rotation show K", "key tag add K a=b c=d", "key tag remove K a", "key tag list K",
            "key describe K text", "key related K", "key update-primary K --to eu-west-1",
            "key grant create K --grantee arn --operation Decrypt Encrypt --context-subset a=b",
            "key grant list K", "key grant revoke K id", "key grant retire token",
            "key import parameters K --public-key p --token t",
            "key import material K --token t --encrypted e --expires-in-days 30",
            "key import delete K", "key store backup --config f --output o",
            "key store restore --config f --input i", "key store check --config f",
            "key store rotate-root --config f --new-config g",
            "key store make-root-key --output o",
            "user create --user-name a@b --display-name A --given-name A --family-name B",
            "user list --all", "user disable a@b", "group create G --member a@b",
            "group add-member G a@b", "account put 111122223333 --name N --email e@f",
            "permission-set create P --description d --session-duration 3600 --managed-policy arn",
            "assignment create --account 111122223333 --permission-set P --group G",
            "application create --name A --start-url https://a.example/",
            "application assign A --group G", "access a@b", "scim-token create --json",
            "break-glass create ada --role 111122223333/P --role 111122223333/Q --max-minutes 60",
            "break-glass list --json", "break-glass show ada", "break-glass disable ada",
            "break-glass update ada --operator alice", "break-glass delete ada",
            "break-glass enrol ada", "break-glass remove-key ada AbC_",
            "break-glass grants --unreviewed", "break-glass review id --note n",
            "break-glass revoke id",
            "session list", "session revoke id", "session revoke --user a@b",
            "trail list --event-name CreateUser --limit 1000 --since 15m", "trail verify",
            "trail export --after 5", "context create --config f --operator alice",
        ])
    func parses(line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        _ = try Portolan.parseAsRoot(words)
    }

    @Test(
        "contradictions and unknown values are refused as wrong usage",
        arguments: [
            "serve everything --config f", "pki operator --directory d --name a --role king",
            "pki region --directory d --name r --valid-days 0", "user list --limit 0",
            "assignment create --account 1 --permission-set P --user a --group b",
            "break-glass create ada", "break-glass create ada --role P", "break-glass review id",
            "break-glass create ada --role 1/P --max-minutes 5", "break-glass grants --limit 0",
            "application assign A", "session revoke", "session revoke id --user a",
            "key policy put K", "key create --policy f --baseline-policy", "instance update",
            "trail list --event-name A --user-name b", "trail list --since yesterday",
            "status --timeout 0", "pki renew --directory d",
            "pki renew --directory d --operator a --region r",
            "pki renew --directory d --operator a --service keys", "region add r --wait-timeout 0",
            "health --service butler", "key create --spec DES",
            "key import material K --token t --encrypted e --expires-in-days 0",
        ])
    func refuses(line: String) {
        let words = line.split(separator: " ").map(String.init)
        do {
            _ = try Portolan.parseAsRoot(words)
            Issue.record("\(line) was accepted")
        } catch {
            #expect(Portolan.exitCode(for: error) == .validationFailure)
        }
    }

    @Test("applications support customer managed keys unless told otherwise")
    func customerManagedKeys() throws {
        let words = ["--name", "A", "--start-url", "https://a.example/"]
        #expect(try ApplicationCommand.Create.parse(words).supportsCustomerManagedKeys)
        let declined = try ApplicationCommand.Create.parse(
            words + ["--no-supports-customer-managed-keys"])
        #expect(!declined.supportsCustomerManagedKeys)
    }

    @Test("times are given as such or as an age")
    func since() {
        let now = Date(timeIntervalSince1970: 1_000_000)
        #expect(TrailCommand.List.time("15m", now: now) == Int64(999_100_000_000))
        #expect(TrailCommand.List.time("1970-01-01T00:00:01Z", now: now) == 1_000_000)
        #expect(TrailCommand.List.time("soon", now: now) == nil)
    }
}
