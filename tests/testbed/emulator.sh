# Sourced by the testbed's scripts after lib.sh: $emulator is the command of a QEMU newer than bookworm's 7.2, with its libraries in a folder of the
# cache; fetched when it is not there.
emulator_suite=trixie
make_emulator() {
    local mirror
    debian_mirror
    say "fetching QEMU from Debian $emulator_suite-backports (30 MB)"
    mmdebstrap --quiet --variant=extract --include=qemu-system-x86 --aptopt="APT::Default-Release \"$emulator_suite-backports\"" \
        "$emulator_suite" "$1" "deb $mirror $emulator_suite main" "deb $mirror $emulator_suite-backports main"
    rm -rf "$1"/{dev,etc,tmp,var,usr/share/doc,usr/share/man}
}
cached emulator "$(content_key "$emulator_suite" "$(declare -f make_emulator)")" make_emulator
emulator=(
    "$entry/usr/lib64/ld-linux-x86-64.so.2" --library-path "$entry/usr/lib/x86_64-linux-gnu"
    "$entry/usr/bin/qemu-system-x86_64" -L "$entry/usr/share/qemu" -L "$entry/usr/share/seabios"
)
