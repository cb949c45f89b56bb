"""Architecture rules that a compiler does not hold: who may import whom, file sizes, banned code.

Called by Scripts/check with the hand-written Swift sources. Prints one line per finding.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINES_MAX = 400

SERVICES = {"DirectoryService", "PermissionService", "KeyService", "CoordinatorService",
            "PortalService"}
# The layers, lowest first: a target may import targets of lower layers only.
LAYERS = [
    {"CFIDO2", "COpenSSL", "CXMLSecurity", "CZlib", "CPostgreSQL"},
    {"CXMLSignature", "Cryptography", "AccessPolicy", "SCIM", "RPC"},
    {"WebAuthn", "XMLSignature", "Contracts"},
    {"SAML", "ReplicationLog", "ServiceKit"},
    {"ReplicatedState"},
    SERVICES,
    {"portolan", "portolan-bench"},
]
EXECUTABLES = {"portolan", "portolan-bench", "protoc-gen-portolan"}
# Modules that only one target may touch: everything else goes through its owner.
OWNED = {
    "CFIDO2": {"WebAuthn"},
    "COpenSSL": {"Cryptography"},
    "CXMLSecurity": {"CXMLSignature"},
    "CZlib": {"RPC"},
    "CPostgreSQL": {"ReplicationLog"},
    "CXMLSignature": {"XMLSignature"},
    "XMLSignature": {"SAML"},
    "Hummingbird": {"PortalService"},
    "ArgumentParser": EXECUTABLES,
    "GRDB": {"ReplicationLog", "KeyService", "CoordinatorService"},
    "SAML": {"PortalService", "portolan"},
    "SCIM": {"PortalService"},
    "WebAuthn": {"PortalService"},
    "AccessPolicy": {"KeyService", "PortalService", "portolan", "portolan-bench"},
    "ReplicationLog": {"CoordinatorService"},
}
# The key service's material and the log's bytes stay where they belong.
FORBIDDEN = {"PortalService": {"GRDB", "ReplicationLog"},
             "CoordinatorService": {"ReplicatedState"}}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+"
    r"(?:(?:struct|class|enum|protocol|func|let|var|typealias)\s+)?(\w+)")
BANNED = [
    (re.compile(r"\btry!"), "try! is not used"),
    (re.compile(r"\bas!\s"), "as! is not used"),
    (re.compile(r"\bnonisolated\(unsafe\)"), "nonisolated(unsafe) needs a lock instead"),
    (re.compile(r"//\s*(TODO|FIXME|XXX|HACK)\b"), "unfinished work belongs in an issue"),
    (re.compile(r"(?<![\w/])/(root|home)/"), "no paths of a person's machine"),
]


def layer(target: str) -> int | None:
    return next((index for index, names in enumerate(LAYERS) if target in names), None)


def imports(target: str, path: Path, number: int, line: str) -> list[str]:
    match = IMPORT.match(line)
    if not match:
        return []
    module = match.group(1)
    where = f"{path}:{number}"
    found = []
    if module in OWNED and target not in OWNED[module]:
        found.append(f"{where}: only {', '.join(sorted(OWNED[module]))} may import {module}")
    if module in FORBIDDEN.get(target, ()):
        found.append(f"{where}: {target} may not import {module}")
    own, other = layer(target), layer(module)
    if own is not None and other is not None and target != module and other >= own:
        found.append(f"{where}: {target} may not import {module}: dependencies point downwards")
    return found


def check(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = path.parts
    target = parts[1] if len(parts) > 2 and parts[0] == "Sources" else ""
    found = []
    if len(lines) > LINES_MAX and path.name != "Package.swift":
        found.append(f"{path}: {len(lines)} lines; at most {LINES_MAX}")
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        if target:
            found += imports(target, path, number, line)
            if target not in EXECUTABLES and re.match(r"\s*(print|debugPrint|exit)\(", line):
                found.append(f"{where}: only the executable prints or exits")
        for pattern, message in BANNED:
            if pattern.search(line):
                found.append(f"{where}: {message}")
        if "@unchecked Sendable" in line and not line.lstrip().startswith("//"):
            above = lines[number - 2].strip() if number > 1 else ""
            if not above.startswith("//"):
                found.append(f"{where}: @unchecked Sendable needs its reason on the line above")
    return found


def main() -> int:
    findings = [finding for name in sys.argv[1:] for finding in check(Path(name))]
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
