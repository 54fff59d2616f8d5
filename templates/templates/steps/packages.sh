#!/bin/bash
# Installs the pinned packages from signed repositories and holds them.
# shellcheck source=/dev/null
. /usr/local/lib/meridian/lib.sh

# add_repository NAME URL SUITE COMPONENTS KEY_URL FINGERPRINT...
add_repository() {
  local name=$1 url=$2 suite=$3 components=$4 key_url=$5 keyring source next primary
  shift 5
  keyring="/etc/apt/keyrings/meridian-$name.asc"
  source="/etc/apt/sources.list.d/meridian-$name.sources"
  mkdir --parents /etc/apt/keyrings /etc/apt/sources.list.d
  next=$(mktemp)
  curl --silent --show-error --fail --location --retry 5 --max-time 60 --output "$next" "$key_url"
  # The key comes over the network; what it must be does not.
  while read -r primary; do
    [[ " $* " == *" $primary "* ]] || die "$key_url holds the key $primary, and only $* is trusted"
  done < <(gpg --batch --show-keys --with-colons "$next" |
    awk -F: '$1 == "pub" { p = 1 } $1 == "fpr" && p { print $10; p = 0 }' || echo unreadable)
  cmp --silent "$next" "$keyring" || install --mode=0644 "$next" "$keyring"
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s\n' "$url" "$suite"
    if [ -n "$components" ]; then printf 'Components: %s\n' "$components"; fi
    printf 'Signed-By: %s\n' "$keyring"
  } >"$next"
  cmp --silent "$next" "$source" || install --mode=0644 "$next" "$source"
  rm "$next"
}

# is_installed PACKAGE PATTERN
is_installed() {
  local installed
  # shellcheck disable=SC2016 # dpkg-query expands this, not the shell.
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$1" 2>/dev/null) || return 1
  # shellcheck disable=SC2053 # the version is a pattern.
  [[ $installed == installed\ $2 ]]
}

packages=({% for package in packages %}{{ package.name | sh }} {% endfor %})
versions=({% for package in packages %}{{ package.version | sh }} {% endfor %})
wanted=()
for i in "${!packages[@]}"; do
  is_installed "${packages[$i]}" "${versions[$i]}" || wanted+=("${packages[$i]}=${versions[$i]}")
done

if [ -n "${wanted[*]}" ]; then
  need gpg gpg
  # shellcheck disable=SC2034 # a flat repository has no suite of the distribution.
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
{%- for repository in repositories %}
  add_repository {{ repository.name | sh }} {{ repository.url | sh }} {% if repository.components %}"$codename" {{ repository.components | sh }}{% else %}/ ''{% endif %} {{ repository.key_url | sh }}{% for fingerprint in repository.fingerprints %} {{ fingerprint | sh }}{% endfor %}
{%- endfor %}
  apt_get update
  apt_get install --allow-change-held-packages --allow-downgrades --no-install-recommends "${wanted[@]}"
fi
for package in "${packages[@]}"; do
  if [ -z "$(apt-mark showhold "$package")" ]; then apt-mark hold "$package"; fi
done
