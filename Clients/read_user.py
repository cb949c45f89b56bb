#!/usr/bin/env python3
"""Reads a user from a Region's directory: ssl, struct and generated messages, nothing else."""
import argparse, pathlib, socket, ssl, struct, sys, tempfile
from grpc_tools import protoc
parser = argparse.ArgumentParser(description=__doc__)
for name in ("address", "region", "user", "certificate", "key", "ca"):
    parser.add_argument(f"--{name}", required=True)
options = parser.parse_args()

protos, messages = pathlib.Path(__file__).resolve().parent.parent / "Protos", tempfile.mkdtemp()
files = ["rpc/v1/frame", "log/v1/log", "state/v1/state", "directory/v1/directory"]
protoc.main(["protoc", f"-I{protos}", f"-I{pathlib.Path(protoc.__file__).parent}/_proto",
             f"--python_out={messages}", *(f"portolan/{f}.proto" for f in files)])
sys.path.insert(0, messages)
from portolan.rpc.v1 import frame_pb2 as rpc
from portolan.directory.v1 import directory_pb2 as directory

tls = ssl.create_default_context(cafile=options.ca)
tls.minimum_version, tls.check_hostname = ssl.TLSVersion.TLSv1_3, False
tls.load_cert_chain(options.certificate, options.key)
tls.set_alpn_protocols(["portolan-rpc/1"])
host, port = options.address.rsplit(":", 1)
connection = tls.wrap_socket(socket.create_connection((host.strip("[]"), int(port)), timeout=10))
names = [v for kind, v in connection.getpeercert()["subjectAltName"] if kind == "URI"]
if not names[0].endswith(f"/region/{options.region}/service/directory"):
    sys.exit(f"This is {names[0]}, not the directory of {options.region}.")

request = directory.FindUserRequest(user_name=options.user).SerializeToString()
call = rpc.Call(method="portolan.directory.v1.Directory/FindUser", payload=request,
                timeout_microseconds=10_000_000, end_of_requests=True)
frame = rpc.Frame(stream_id=1, call=call).SerializeToString()
connection.sendall(struct.pack(">I", len(frame)) + frame)
stream, end = connection.makefile("rb"), None
while end is None:
    frame = rpc.Frame.FromString(stream.read(struct.unpack(">I", stream.read(4))[0]))
    if frame.HasField("go_away"):
        sys.exit(f"{frame.go_away.reason}: {frame.go_away.message}")
    end = frame.end if frame.HasField("end") else None
end.status and sys.exit(f"{end.reason}: {end.message}")
print(directory.FindUserResponse.FromString(end.payload).user, end="")
