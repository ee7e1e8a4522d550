# Shared by setup, run, limits and trace.  Sourced, never executed.
BENCH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SCRATCH=${BENCH_SCRATCH:-/tmp/peers}
BIN=$SCRATCH/bin                       # compiled tools
RESULTS=${BENCH_RESULTS:-$SCRATCH/results.tsv}
SINK_PORT=2526
DOMAIN=test.example                    # every recipient is uN@$DOMAIN
NUSERS=10
SIGN_IN=u0@$DOMAIN:correct-horse-battery  # who signs in under the loads S and S2
ALL_PEERS="postfix exim opensmtpd chasquid sendmail haraka candor"

die() { echo "bench: $*" >&2; exit 1; }
say() { echo "bench: $*" >&2; }
now() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }      # milliseconds

rootdir() { echo "$SCRATCH/roots/$1/m"; }

# A peer's private file system: the host's /usr and /etc seen through an
# overlay, and a /var of its own straight on the scratch disk (no overlay
# below any spool).  Must run inside a private mount namespace.
mount_root() {
    local p=$1 b=$SCRATCH/roots/$1 m=$SCRATCH/roots/$1/m d
    mkdir -p "$b"/{usr-up,usr-wk,etc-up,etc-wk,var} \
             "$m"/{usr,etc,var,dev,proc,tmp,run,root,home,opt}
    chmod 1777 "$m/tmp"
    for d in bin sbin lib lib64 lib32; do
        [ -e "$m/$d" ] || [ -L "$m/$d" ] || ln -s "usr/$d" "$m/$d"
    done
    mount -t overlay overlay -o "lowerdir=/usr,upperdir=$b/usr-up,workdir=$b/usr-wk" "$m/usr" || return 1
    mount -t overlay overlay -o "lowerdir=/etc,upperdir=$b/etc-up,workdir=$b/etc-wk" "$m/etc" || return 1
    mount --bind "$b/var" "$m/var"
    mount -t proc proc "$m/proc"
    mount -t tmpfs -o mode=755 tmpfs "$m/dev"
    mknod -m 666 "$m/dev/null" c 1 3; mknod -m 666 "$m/dev/zero" c 1 5
    mknod -m 666 "$m/dev/full" c 1 7; mknod -m 666 "$m/dev/random" c 1 8
    mknod -m 666 "$m/dev/urandom" c 1 9; mknod -m 666 "$m/dev/tty" c 5 0
    mkdir -p "$m/dev/shm" "$m/dev/pts"; chmod 1777 "$m/dev/shm"
    ln -s /proc/self/fd "$m/dev/fd"
}

# Run-time only: names are answered by tools/dns.c and a fixed hosts file.
mount_names() {
    local m; m=$(rootdir "$1")
    echo "nameserver 127.0.0.1" >"$SCRATCH/resolv.conf"
    printf '127.0.0.1 localhost mx.%s %s\n' "$DOMAIN" "$(hostname)" >"$SCRATCH/hosts"
    [ -e "$m/etc/resolv.conf" ] || : >"$m/etc/resolv.conf"
    mount --bind "$SCRATCH/resolv.conf" "$(readlink -f "$m/etc/resolv.conf")"
    mount --bind "$SCRATCH/hosts" "$m/etc/hosts"
}

in_root() { chroot "$ROOT" "$@"; }     # run a command inside the peer's root

# ---- defaults a peers/NAME.sh may override --------------------------------
peer_defaults() {
    PEER_PKGS=""            # Debian packages installed into the peer's root
    PEER_ROOT=""            # use another peer's root (sink uses tools)
    PEER_HOLD_DELIVERS=0    # 1: cannot only queue; "hold" relays to the sink
    PEER_SIGN_IN=""         # 1: $SIGN_IN is an account, over peer_tls_port
    PEER_SYSLOG=0           # 1: run rsyslogd in the peer's root
    PEER_MODES="hold relay local idle"
    peer_install()   { :; } # once, at setup, in the mounted root
    peer_port()      { echo 2525; }
    peer_tls_port()  { :; } # TLS from the first byte; nothing: not set up for it
    peer_start()     { die "peer_start missing"; }   # $1 = hold|relay|local|idle
    peer_stop()      { :; } # graceful; whatever is left is killed by pid after
    peer_clean()     { :; } # empty queue and mailboxes (server is stopped)
    peer_delivered() { find $ROOT/var/mail/vhosts/*/Maildir/new -type f 2>/dev/null | wc -l; }
}
load_peer() {
    [ -f "$BENCH/peers/$1.sh" ] || die "no peers/$1.sh"
    peer_defaults; PEER=$1; . "$BENCH/peers/$1.sh"; ROOT=$(rootdir "${PEER_ROOT:-$1}")
}

# ---- process groups: one cpuacct cgroup per peer, one for its syslogd ------
if [ -d /sys/fs/cgroup/cpuacct ]; then CGV=1; CGROOT=/sys/fs/cgroup/cpuacct; else CGV=2; CGROOT=/sys/fs/cgroup; fi
cg_path() { echo "$CGROOT/mtabench-$$-$1"; }
cg_make() { mkdir -p "$(cg_path "$1")"; }
cg_join() { echo "$BASHPID" >"$(cg_path "$1")/cgroup.procs"; }
cg_pids() { cat "$(cg_path "$1")/cgroup.procs" 2>/dev/null; }
cg_cpu()  { # "user_us sys_us"
    local d; d=$(cg_path "$1")
    if [ $CGV = 1 ]; then
        echo $(( $(cat "$d/cpuacct.usage_user" 2>/dev/null || echo 0) / 1000 )) $(( $(cat "$d/cpuacct.usage_sys" 2>/dev/null || echo 0) / 1000 ))
    else
        awk '/^user_usec/{u=$2} /^system_usec/{s=$2} END{print u+0, s+0}' "$d/cpu.stat"
    fi
}
cg_kill() { # every pid in our own group: TERM, then KILL, at most 10 s
    local i p
    for i in $(seq 1 100); do
        p=$(cg_pids "$1"); [ -z "$p" ] && break
        if [ $i = 1 ]; then kill -TERM $p 2>/dev/null; elif [ $((i % 10)) = 0 ]; then kill -KILL $p 2>/dev/null; fi
        sleep 0.1
    done
    rmdir "$(cg_path "$1")" 2>/dev/null
}
cg_pss_kib() { local p t=0 v; for p in $(cg_pids "$1"); do v=$(awk '/^Pss:/{print $2}' /proc/$p/smaps_rollup 2>/dev/null); t=$((t + ${v:-0})); done; echo $t; }

wait_banner() { # port, at most 20 s
    local i l
    for i in $(seq 1 200); do
        if { exec 9<>/dev/tcp/127.0.0.1/$1; } 2>/dev/null; then
            l=; read -r -t 5 l <&9; printf 'QUIT\r\n' >&9 2>/dev/null; exec 9>&-
            case $l in 220*) return 0;; esac
        fi
        sleep 0.1
    done
    return 1
}
