#!/bin/bash
# Reads and writes objects of the cluster's container as the machine itself: the metadata service gives a token of the
# machine's identity. It reaches curl on its standard input, because everyone on the machine can read its arguments.
set -euo pipefail
umask 077

objects={{ objects | sh }}
identity={{ identity | sh }}
metadata_service={{ metadata_service | sh }}

if [ "$#" -ne 3 ]; then
  echo 'usage: meridian-store get KEY FILE | meridian-store put FILE KEY' >&2
  exit 64
fi

token=$(curl --silent --show-error --fail --max-time 30 --noproxy '*' --get --header 'Metadata: true' \
  --data-urlencode 'api-version=2018-02-01' --data-urlencode 'resource=https://storage.azure.com/' \
  --data-urlencode "msi_res_id=$identity" "$metadata_service/metadata/identity/oauth2/token" |
  python3 -c '
import json, sys
print("header = " + json.dumps("Authorization: Bearer " + json.load(sys.stdin)["access_token"]))
')

blob() {
  printf '%s\n' "$token" | curl --silent --show-error --fail --max-time 300 --retry 3 \
    --header 'x-ms-version: 2022-11-02' --config - "$@"
}

case "$1" in
  get)
    blob --output "$3.partial" "$objects/$2"
    mv --force "$3.partial" "$3"
    ;;
  put)
    blob --header 'x-ms-blob-type: BlockBlob' --upload-file "$2" "$objects/$3"
    ;;
  *)
    echo "meridian-store: unknown operation $1" >&2
    exit 64
    ;;
esac
