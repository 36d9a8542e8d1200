#!/usr/bin/env bash
# First start of a Linux machine: makes it an agent of Azure Pipelines. cloud-init runs this once, as root, after it wrote
# the agent's files; the values that differ from machine to machine are in the environment. Made for Ubuntu 22.04 and 24.04
# and Debian 12: it needs nothing beyond what their cloud images bring.
#
#   AGENT_PACKAGE_URL     where an image without the agent's software gets it from, a tar.gz
#   AGENT_PACKAGE_SHA256  its SHA-256; empty where the installation names none
#   AGENT_USER            the user that runs the agent
#   DATA_DISK_LUN         number of the data disk; empty where the machine has none
#   WORK_FOLDER           as in the agent's settings
#   BOOTSTRAP_ROOT        stands before every path; only set where a machine is a folder
#
# No line that is printed holds a secret, and no command is traced: what cloud-init prints, the serial console shows.
set -Eeuo pipefail
set +x

root=${BOOTSTRAP_ROOT:-}
agent_folder=$root/opt/azure-pipelines-agent
unit_file=$root/etc/systemd/system/azure-pipelines-agent.service
data_disk_folder=$root/mnt/storage/sdc
step='start'

# On standard error, so that functions whose output is a value can speak.
say() { printf 'open-devops-pools: %s\n' "$*" >&2; }
begin() {
  step=$1
  say "$step"
}
failed() {
  test "$BASH_SUBSHELL" -gt 0 || say "FAILED (exit code $1): $step. The agent does not start."
  exit "$1"
}
trap 'failed $?' ERR

# A machine that serves more than one job may restart, and its agent with it.
comes_back() { grep -q '^WantedBy=' "$unit_file"; }

# The key has reached its file. The copies that Azure's agent and cloud-init keep are needed by nobody, whatever comes.
remove_copies() {
  begin 'remove the copies of the custom data'
  rm -f "$root"/var/lib/waagent/CustomData "$root"/var/lib/waagent/ovf-env.xml \
    "$root"/var/lib/cloud/instances/*/{user-data.txt,user-data.txt.i,cloud-config.txt} \
    "$root"/run/cloud-init/{combined-cloud-config.json,instance-data-sensitive.json}
  # cloud-init's cache holds the custom data too. Without it the next start looks for the cloud anew.
  comes_back || rm -f "$root"/var/lib/cloud/instances/*/obj.pkl
}

# Names and passwords inside a URL.
percent_encoded() {
  local LC_ALL=C text=$1 character index
  for ((index = 0; index < ${#text}; index++)); do
    character=${text:index:1}
    case $character in
      [a-zA-Z0-9._~-]) printf '%s' "$character" ;;
      *) printf '%%%02X' "'$character" ;;
    esac
  done
}

image_setting() {
  sed -n "s/^\(export \)\{0,1\}$1=//p" "$root/etc/environment" | tail -n 1 | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}

# A pool without a proxy leaves it to its image, which names one the way config.sh would be told.
take_proxy_of_image() {
  test ! -e "$agent_folder/.proxy" || return 0
  test -r "$root/etc/environment" || return 0
  local url user password credentials=''
  url=$(image_setting VSTS_AGENT_INPUT_PROXYURL)
  test -n "$url" || return 0
  begin "use the proxy of the image, $url"
  user=$(image_setting VSTS_AGENT_INPUT_PROXYUSERNAME)
  password=$(image_setting VSTS_AGENT_INPUT_PROXYPASSWORD)
  test -z "$user" || credentials=$(percent_encoded "$user"):$(percent_encoded "$password")@
  (
    umask 077
    printf '%s\n' "$url" > "$agent_folder/.proxy"
    {
      printf 'VSTS_HTTP_PROXY=%s\n' "$url"
      test -z "$user" || printf 'VSTS_HTTP_PROXY_USERNAME=%s\nVSTS_HTTP_PROXY_PASSWORD=%s\n' "$user" "$password"
      for name in http_proxy https_proxy HTTP_PROXY HTTPS_PROXY; do
        printf '%s=%s\n' "$name" "${url%%://*}://$credentials${url#*://}"
      done
      printf '%s=localhost,127.0.0.1,169.254.169.254,168.63.129.16\n' no_proxy NO_PROXY
    } >> "$agent_folder/.env"
  )
}

# The download and the package manager use the same proxy as the agent.
export_proxy() {
  test -r "$agent_folder/.env" || return 0
  local line
  while IFS= read -r line; do
    case $line in
      http_proxy=* | https_proxy=* | no_proxy=*) export "${line?}" ;;
    esac
  done < "$agent_folder/.env"
}

install_agent() {
  test ! -x "$agent_folder/run.sh" || return 0
  begin "fetch the agent from $AGENT_PACKAGE_URL"
  # At the first start the system's own updates may hold the package manager's lock.
  local package apt_settings
  apt_settings=$(mktemp)
  printf 'DPkg::Lock::Timeout "300";\n' > "$apt_settings"
  export APT_CONFIG=$apt_settings DEBIAN_FRONTEND=noninteractive
  command -v curl > /dev/null || { apt-get -q update && apt-get -q install --yes curl ca-certificates; }
  package=$(mktemp)
  curl --fail --silent --show-error --location --connect-timeout 30 --retry 5 --retry-connrefused \
    --output "$package" "$AGENT_PACKAGE_URL"
  begin 'check the SHA-256 of the agent'
  if test -n "$AGENT_PACKAGE_SHA256"; then
    printf '%s  %s\n' "$AGENT_PACKAGE_SHA256" "$package" | sha256sum --check --quiet --strict
  else
    say 'not checked, for the installation names none'
  fi
  begin 'install the agent'
  tar -xzf "$package" -C "$agent_folder" --no-same-owner
  rm -f "$package"
  "$agent_folder/bin/installdependencies.sh"
  rm -f "$apt_settings"
}

# Small disks have SCSI names made by Azure's agent; NVMe ones have those of azure-vm-utils.
find_data_disk() {
  local candidate waited
  for ((waited = 0; waited < 120; waited++)); do
    for candidate in "$root/dev/disk/azure/scsi1/lun$DATA_DISK_LUN" "$root/dev/disk/azure/data/by-lun/$DATA_DISK_LUN"; do
      test ! -e "$candidate" || {
        readlink -f "$candidate"
        return 0
      }
    done
    sleep 1
  done
  say "no disk with the number $DATA_DISK_LUN came up in two minutes"
  return 1
}

mount_data_disk() {
  test -n "$DATA_DISK_LUN" || return 0
  begin "mount the data disk at $data_disk_folder"
  local device identifier
  device=$(find_data_disk)
  blkid "$device" > /dev/null || mkfs.ext4 -q -F -E nodiscard "$device"
  identifier=$(blkid -s UUID -o value "$device")
  mkdir -p "$data_disk_folder"
  # The machine must start again without the disk, too.
  printf 'UUID=%s %s ext4 defaults,nofail 0 2\n' "$identifier" "$data_disk_folder" >> "$root/etc/fstab"
  mountpoint -q "$data_disk_folder" || mount "$device" "$data_disk_folder"
  chown "$AGENT_USER:" "$data_disk_folder"
}

make_work_folder() {
  case $WORK_FOLDER in
    /*)
      begin "make the work folder $WORK_FOLDER"
      mkdir -p -- "$root$WORK_FOLDER"
      chown "$AGENT_USER:" -- "$root$WORK_FOLDER"
      ;;
  esac
}

# Nobody knows the machine's own address, and which version of its image is the latest, before it runs.
fill_setup_info() {
  begin 'tell the address of the machine and the version of its image'
  local address version
  address=$(hostname -I | cut -d ' ' -f 1)
  version=$(cloud-init query ds.meta_data.imds.compute.version 2> /dev/null | tr -cd '[:alnum:]._-') || version=''
  sed -i "s/@private-ip-address@/$address/; s/@image-version@/${version:-latest}/" "$agent_folder/.setup_info"
}

# A unit of its own: a job may outlast cloud-init by two days.
start_agent() {
  begin 'start the agent'
  chown -R "$AGENT_USER:" "$agent_folder"
  systemctl daemon-reload
  ! comes_back || systemctl enable --quiet azure-pipelines-agent.service
  systemctl start azure-pipelines-agent.service
}

remove_copies
take_proxy_of_image
export_proxy
install_agent
mount_data_disk
make_work_folder
fill_setup_info
start_agent
say 'done'
