#!/bin/sh
# The command line. From a checkout, `weightloom` is `node dist/cli.js`.
set -eu
here=${0%/*}

weightloom plan "$here/slerp.yml"
weightloom explain "$here/slerp.yml"
weightloom merge "$here/slerp.yml" out/cli --overwrite
weightloom inspect out/cli
