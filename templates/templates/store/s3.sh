#!/bin/bash
# Reads and writes objects of the cluster's bucket as the machine itself: IMDSv2 gives the role's credentials, curl
# signs with them. They reach curl on its standard input, because everyone on the machine can read its arguments.
set -euo pipefail
umask 077

objects={{ objects | sh }}
region={{ region | sh }}
metadata_service={{ metadata_service | sh }}

if [ "$#" -ne 3 ]; then
  echo 'usage: meridian-store get KEY FILE | meridian-store put FILE KEY' >&2
  exit 64
fi

token=$(curl --silent --show-error --fail --max-time 10 --request PUT \
  --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata_service/latest/api/token")

metadata() {
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$token" |
    curl --silent --show-error --fail --max-time 10 --config - "$metadata_service/latest/meta-data/$1"
}

role=$(metadata iam/security-credentials/)
signing=$(metadata "iam/security-credentials/$role" | python3 -c '
import json, sys
role = json.load(sys.stdin)
print("user = " + json.dumps(role["AccessKeyId"] + ":" + role["SecretAccessKey"]))
print("header = " + json.dumps("x-amz-security-token: " + role["Token"]))
')

# s3 BODY_FILE ARGUMENT...: S3 asks for the digest of the body in a header, which not every curl sets by itself.
s3() {
  local digest
  digest=$(sha256sum <"$1")
  shift
  printf '%s\n' "$signing" | curl --silent --show-error --fail --max-time 300 --retry 3 \
    --aws-sigv4 "aws:amz:$region:s3" --header "x-amz-content-sha256: ${digest%% *}" --config - "$@"
}

case "$1" in
  get)
    s3 /dev/null --output "$3.partial" "$objects/$2"
    mv --force "$3.partial" "$3"
    ;;
  put)
    s3 "$2" --upload-file "$2" "$objects/$3"
    ;;
  *)
    echo "meridian-store: unknown operation $1" >&2
    exit 64
    ;;
esac
