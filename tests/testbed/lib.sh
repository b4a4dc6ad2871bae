# Sourced by the testbed's scripts: messages, root, packages, the cache, Debian's kernels.

testbed=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${VMBUS_CACHE:-${HOME:-/root}/.cache/vmbus}
program=${0##*/}
export HOME=${HOME:-/root} DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1

say() { printf '%s: %s\n' "$program" "$*" >&2; }
die() { say "$*"; exit 1; }

# need_root WHY ARGUMENT…: runs the calling script again under sudo when it is not root already.
need_root() {
    local why=$1
    shift
    ((EUID == 0)) && return
    command -v sudo >/dev/null || die "$why needs root, and sudo is not installed: run it as root"
    exec sudo --preserve-env=VMBUS_CACHE,HOME,PATH -- "$0" "$@"
}

# need_packages GROUP…: installs the missing Debian packages of these groups of the file `packages`.
need_packages() {
    local group package probe missing=()
    while read -r group package probe; do
        [[ " $* " == *" $group "* ]] || continue
        [[ -e $probe ]] || command -v "$probe" >/dev/null || missing+=("$package")
    done <"$testbed/packages"
    ((${#missing[@]})) || return 0
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
    command -v apt-get >/dev/null || die "missing programs; install what Debian calls: ${missing[*]}"
    say "installing Debian packages: ${missing[*]}"
    local apt=(apt-get)
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "installing packages needs root, and sudo is not installed: run it as root"
        apt=(sudo apt-get)
    fi
    { "${apt[@]}" update -qq && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}"; } \
        >/dev/null </dev/null || die "apt-get could not install: ${missing[*]}"
}

# content_key TEXT-OR-FILE…: a name made of what goes into a build; a file counts with its bytes, a text as it is.
content_key() {
    local item
    for item; do
        if [[ -f $item ]]; then cat "$item"; else printf '%s\n' "$item"; fi
    done | sha256sum | cut -c1-20
}

# cached KIND KEY COMMAND…: sets $entry to the folder of the cache that `COMMAND… FOLDER` fills, which runs only when there is none yet.
# It appears whole or not at all. Others of its kind that nobody used for a week go when a new one comes.
cached() {
    local kind=$1 key=$2 lock work
    shift 2
    entry=$cache/$kind/$key
    if [[ ! -d $entry ]]; then
        mkdir -p "$cache/$kind" || die "cannot write the cache $cache (VMBUS_CACHE names another place)"
        exec {lock}>"$cache/$kind/.lock"
        flock "$lock"
        if [[ ! -d $entry ]]; then
            work=$cache/$kind/.making
            rm -rf "$work" && mkdir "$work"
            # In the background, because `set -e` means nothing on the left of ||.
            ( set -e; "$@" "$work" ) </dev/null >&2 &
            wait "$!" || die "making $kind failed; what there is of it: $work"
            mv -T "$work" "$entry"
            find "$cache/$kind" -mindepth 1 -maxdepth 1 -type d -mtime +7 ! -name "$key" -exec rm -rf {} +
        fi
        exec {lock}>&-
    fi
    touch "$entry"
}

# debian_mirror: sets $mirror to where this machine's own release comes from, which has the next ones, too.
debian_mirror() {
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Identifier: Packages' |
        awk -v release="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$1 == release {print $2; exit}')
    [[ -n $mirror ]] || die "no Debian mirror among this machine's apt sources, which name one for other releases' packages"
}

# kernel_package META: sets $kernel_package and $kernel_version to what Debian's kernel meta package stands for today.
kernel_package() {
    local attempt
    for attempt in 1 2; do
        kernel_package=$(apt-cache depends "$1" 2>/dev/null | awk '/Depends:/ {print $2; exit}')
        kernel_version=
        [[ -z $kernel_package ]] || kernel_version=$(apt-cache show --no-all-versions "$kernel_package" | awk '/^Version:/ {print $2; exit}')
        [[ -z $kernel_version ]] || return 0
        ((attempt == 2 || EUID != 0)) || apt-get update -qq >/dev/null
    done
    die "no Debian package $1 among this machine's apt sources; it needs Debian 12 with its security updates"
}

# unpack_kernel PACKAGE FOLDER: FOLDER/vmlinuz and FOLDER/lib/modules/RELEASE, indexed for modprobe; $kernel_release is set.
unpack_kernel() {
    local download
    download=$(mktemp -d)
    (cd "$download" && apt-get download -qq "$1" 2>/dev/null) || { rm -rf "$download"; die "apt-get could not download $1"; }
    dpkg-deb -x "$download"/*.deb "$2"
    rm -rf "$download"
    kernel_release=$(basename "$2"/lib/modules/*)
    mv "$2/boot/vmlinuz-$kernel_release" "$2/vmlinuz"
    depmod -b "$2" "$kernel_release"
}

# copy_modules FOLDER RELEASE TARGET MODULE…: the modules and all they need, uncompressed, with their load order in TARGET/order.
copy_modules() {
    local folder=$1 release=$2 target=$3 module file name
    shift 3
    mkdir -p "$target"
    : >"$target/order"
    for module; do
        modprobe -d "$folder" -S "$release" --show-depends "$module" || die "the kernel $release has no module $module"
    done | while read -r _ file _; do
        [[ $file == /* ]] || continue    # "builtin NAME"
        name=$(basename "${file%.xz}")
        [[ -e $target/$name ]] && continue
        if [[ $file == *.xz ]]; then xz -dc "$file" >"$target/$name"; else cp "$file" "$target/$name"; fi
        echo "$name" >>"$target/order"
    done
}

# pack_initramfs FOLDER FILE
pack_initramfs() { (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -1) >"$2"; }

# start PROGRAM…: in the background, with our standard input; its process id is $!. It ends with this script, even if that is killed.
children=()
start() { setpriv --pdeathsig KILL -- "$@" <&0 & children+=("$!"); }
end_children() {
    trap '' INT TERM
    ((!${#children[@]})) || kill "${children[@]}" 2>/dev/null || true
    wait
}
