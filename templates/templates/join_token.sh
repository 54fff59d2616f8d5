#!/bin/bash
# Publishes what machines that start later join with: a new token that soon expires, and the hashes of the cluster's
# certificate authorities as this slot has them.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

server={{ server | sh }}
stage=/run/meridian/join
install --directory --mode=0700 /run/meridian "$stage"

kubectl config view --raw --kubeconfig /etc/kubernetes/admin.conf --output json | python3 -c '
import json, sys
config = json.load(sys.stdin)
for cluster in config["clusters"]:
    cluster["cluster"]["server"] = sys.argv[1]
json.dump(config, sys.stdout)
' "$server" | install --mode=0600 /dev/stdin "$stage/kubeconfig"

kubeadm token create --kubeconfig "$stage/kubeconfig" --ttl {{ ttl | sh }} \
  --description 'published by Meridian for joining machines' | install --mode=0600 /dev/stdin "$stage/token"
# kubeadm knows an authority by the SHA-256 of its public key (DER, SubjectPublicKeyInfo). While authorities change,
# the file holds several.
python3 - "$stage/token" /etc/kubernetes/pki/ca.crt <<'PYTHON' | install --mode=0600 /dev/stdin "$stage/published"
import hashlib, json, re, subprocess, sys

def openssl(given, *arguments):
    return subprocess.run(["openssl", *arguments], input=given, stdout=subprocess.PIPE, check=True).stdout

with open(sys.argv[1]) as file:
    token = file.read().strip()
if not re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", token):
    sys.exit("meridian: kubeadm made no token")
with open(sys.argv[2], "rb") as file:
    certificates = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", file.read(), re.DOTALL)
if not certificates:
    sys.exit("meridian: " + sys.argv[2] + " holds no certificate")
hashes = []
for certificate in certificates:
    key = openssl(openssl(certificate + b"\n", "x509", "-noout", "-pubkey"), "pkey", "-pubin", "-outform", "DER")
    hashes.append("sha256:" + hashlib.sha256(key).hexdigest())
json.dump({"token": token, "caCertHashes": hashes}, sys.stdout)
PYTHON
/usr/local/sbin/meridian-store put "$stage/published" {{ key | sh }}
rm --recursive --force "$stage"
