#!/bin/bash
# Reads and writes objects of the cluster's bucket as the machine itself: the metadata server gives a token of its
# service account. It reaches curl on its standard input, because everyone on the machine can read its arguments.
set -euo pipefail
umask 077

endpoint={{ endpoint | sh }}
bucket={{ bucket | sh }}
metadata_service={{ metadata_service | sh }}

if [ "$#" -ne 3 ]; then
  echo 'usage: meridian-store get KEY FILE | meridian-store put FILE KEY' >&2
  exit 64
fi

authorization=$(curl --silent --show-error --fail --max-time 10 --header 'Metadata-Flavor: Google' \
  "$metadata_service/computeMetadata/v1/instance/service-accounts/default/token" | python3 -c '
import json, sys
print("header = " + json.dumps("Authorization: Bearer " + json.load(sys.stdin)["access_token"]))
')

gcs() {
  printf '%s\n' "$authorization" |
    curl --silent --show-error --fail --max-time 300 --retry 3 --config - "$@"
}

case "$1" in
  get)
    # A key is one part of the path, whatever is in it; of the marks that a key may hold only the slash is quoted.
    gcs --output "$3.partial" "$endpoint/storage/v1/b/$bucket/o/${2//\//%2F}?alt=media"
    mv --force "$3.partial" "$3"
    ;;
  put)
    gcs --output /dev/null --header 'Content-Type: application/octet-stream' --data-binary "@$2" \
      "$endpoint/upload/storage/v1/b/$bucket/o?uploadType=media&name=${3//\//%2F}"
    ;;
  *)
    echo "meridian-store: unknown operation $1" >&2
    exit 64
    ;;
esac
