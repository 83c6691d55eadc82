# Run in namespaces of its own: mounts what is needed into the root folder and becomes the program inside.
# Words: the root folder, the source tree, cargo's target folder, cargo's packages, the program and its words.
root=$1 tree=$2 target=$3 registry=$4
shift 4
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
# Only what programs need of the devices, in a folder of its own: nothing done to that one can reach the system's.
mount -t tmpfs tmpfs "$root/dev"
for node in null zero full random urandom; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$target" "$root/target"
read_only() {
    mount --bind "$1" "$2"
    # Some containers refuse this; nothing inside means to write there anyway.
    mount -o remount,bind,ro "$2" 2>/dev/null || true
}
read_only "$tree" "$root/tree"
read_only "$registry" "$root/registry"
exec chroot "$root" /usr/bin/env -C /tree "$@"
