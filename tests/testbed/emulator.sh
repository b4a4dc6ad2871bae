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
    allow_cr8 "$1/usr/bin/qemu-system-x86_64"
}
# A nested guest that writes CR8 while an interrupt is pending (UEFI's OVMF at the end of each of its own) ends QEMU 11.1: helper_write_crN calls cpu_interrupt
# without the lock that this asks for. What it does is one atomic operation, so the question is left out: cpu_interrupt's
# `test %al,%al; je <assertion>` and the jump that follows.
allow_cr8() {
    perl -0777 -pi -e '$n = s/\x84\xc0\K\x74\x14(?=\x48\x8b\x05.{4}\x48\x8b\x80.{4}\x48\x83\xc4\x08\xff\xe0\x4c\x8d\x05)/\x90\x90/gs;
        END { exit($n == 1 ? 0 : 1) }' "$1" || say "this QEMU is another one: guests that write CR8 may end it"
}
cached emulator "$(content_key "$emulator_suite" "$(declare -f make_emulator allow_cr8)")" make_emulator
emulator=(
    "$entry/usr/lib64/ld-linux-x86-64.so.2" --library-path "$entry/usr/lib/x86_64-linux-gnu"
    "$entry/usr/bin/qemu-system-x86_64" -L "$entry/usr/share/qemu" -L "$entry/usr/share/seabios"
)
