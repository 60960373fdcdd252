#!/bin/bash
# fetch-herd.sh: fetches herd7, which judges tests/litmus, into target/herd. Only Debian unstable has
# it, so it is unpacked beside the system, with the C library that it was built for.
set -euo pipefail
cd "$(dirname "$0")/.."
into=$PWD/target/herd
[ ! -x "$into/herd7" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial cache/archives/partial root
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "http://deb.debian.org/debian sid main" > sources.list
apt() {
    apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::sourcelist="$work/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" \
        -o Dir::Cache="$work/cache" -o Acquire::Languages=none "$@"
}
apt update
apt download herdtools7 libc6 libgmp10
for package in *.deb; do
    dpkg-deb -x "$package" root
done
mkdir -p "$into"
lib=root/usr/lib/x86_64-linux-gnu
cp -a $lib/ld-linux-x86-64.so.2 $lib/libc.so.6 $lib/libm.so.6 $lib/libgmp.so.10* "$into"
cp root/usr/bin/herd7 "$into/herd7.bin"
cp -a root/usr/share/herdtools7/herd "$into/models"
cat > "$into/herd7" <<'SH'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/ld-linux-x86-64.so.2" --library-path "$here" "$here/herd7.bin" \
    -set-libdir "$here/models" "$@"
SH
chmod +x "$into/herd7"
"$into/herd7" -version
