/**
 * What a machine that is a folder has in place of commands that need root or hardware. They stand first on its PATH, and
 * change nothing outside of the folder. Everything else that a first boot calls is the real command.
 */
export const standIns: Readonly<Record<string, string>> = {
  // Ownership is that of whoever runs the embedded cloud.
  chown: '',
  'apt-get': 'echo "this machine is a folder: no package is installed"',
  hostname: `
case \${1:-} in
  -I) echo "$EMULATED_ADDRESS " ;;
  *) echo "$EMULATED_MACHINE_NAME" ;;
esac`,
  // Of what cloud-init knows of its machine, only this.
  'cloud-init': `
test "$*" = 'query ds.meta_data.imds.compute.version' && test -n "$EMULATED_IMAGE_VERSION" || exit 1
echo "$EMULATED_IMAGE_VERSION"`,
  // A disk is a file that knows whether it is formatted.
  blkid: `
file=\${*: -1}
test -s "$file" || exit 2
if test "\${1:-}" = -s; then cat "$file"; else echo "$file: UUID=\\"$(cat "$file")\\" TYPE=\\"ext4\\""; fi`,
  'mkfs.ext4': 'cat /proc/sys/kernel/random/uuid > "${*: -1}"',
  mountpoint: 'exit 1',
  mount: 'echo "${*: -1}" >> "$EMULATED_MACHINE_FOLDER/mounts"',
  // The embedded cloud starts what is asked for once the first boot has ended well, and is the parent of it.
  systemctl: `
units=$BOOTSTRAP_ROOT/etc/systemd/system
verb=
for word; do
  case $word in
    --* | -*) ;;
    *.service)
      test -e "$units/$word" || { echo "Unit $word not found." >&2; exit 5; }
      case $verb in
        start | restart) echo "$word" >> "$EMULATED_MACHINE_FOLDER/started" ;;
        enable) mkdir -p "$units/multi-user.target.wants" && touch "$units/multi-user.target.wants/$word" ;;
      esac
      ;;
    *) verb=$word ;;
  esac
done`,
};
