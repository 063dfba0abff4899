#!/usr/bin/env bash
# Builds kube-apiserver and etcd from Go modules (go.mod and go.sum beside this file), once, into a cache: some minutes.
#   apiserver.sh build    build what is missing        apiserver.sh bin    print the folder of the programs
set -euo pipefail
HERE=$(dirname "$(realpath "$0")")
VERSION=1.35.4
BIN=${PONTE_CLUSTER_CACHE:-$HOME/.cache/ponte-cluster}/$VERSION/bin

compile() { # name, package, linker flags: to a temporary name first, so that a broken build is never taken for a program
  [ -x "$BIN/$1" ] && return
  local new="$BIN/.$1.$$"
  (cd "$HERE" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $3" -o "$new" "$2") || { rm -f "$new"; exit 1; }
  mv "$new" "$BIN/$1"
}

build() {
  mkdir -p "$BIN"
  local x=k8s.io/component-base/version
  compile etcd go.etcd.io/etcd/server/v3 ""
  compile kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver \
    "-X $x.gitVersion=v$VERSION -X $x.gitMajor=1 -X $x.gitMinor=35"
}

case ${1:-} in
  build) build ;;
  bin) echo "$BIN" ;;
  *) sed -n 2,3p "$0"; exit 64 ;;
esac
