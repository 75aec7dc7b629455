#!/bin/sh
# PostgreSQL, Chromium, and Tesseract with English, Chinese and a Chinese font, for the tests, from Debian; without them, or without root, the tests that need them are skipped.
set -eu

missing=
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v chromium-headless-shell >/dev/null || missing="$missing chromium-headless-shell"
command -v tesseract >/dev/null || missing="$missing tesseract-ocr tesseract-ocr-eng"
tesseract --list-langs 2>/dev/null | grep -qx chi_sim || missing="$missing tesseract-ocr-chi-sim"
[ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || missing="$missing fonts-wqy-microhei"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, so the tests that need them are skipped (a whole Chromium serves as well as its headless shell):$missing" >&2
    exit 0
fi
echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # one word per package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
