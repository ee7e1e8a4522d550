# Candor as this tree builds it ($CANDOR_BUILD, default ../../build), configured as the others are: a
# spool on the scratch disk, everything synced, one line a session in a log file.
PEER_MODES="hold local idle"
CANDOR_BUILD=${CANDOR_BUILD:-$BENCH/../../build}
PEER_SIGN_IN=1
peer_tls_port() { echo 2465; }
peer_install() {
    local role
    for role in $(sed -n 's/^ROLE([A-Z_]*, "\([a-z]*\)".*/\1/p' "$BENCH/../../sys/role.def"); do
        in_root useradd --system --user-group -M -d /nonexistent -s /usr/sbin/nologin "candor-$role" 2>/dev/null
    done
    return 0
}
peer_start() {
    local mode=$1 hold=off i role
    case $mode in hold|idle) hold=on;; esac
    peer_install # roles may have come since ./setup
    # the programs of now, not those of that day
    rm -rf "$ROOT/opt/candor"; mkdir -p "$ROOT/opt/candor/cli"
    cp "$CANDOR_BUILD/cli/candor" "$ROOT/opt/candor/cli/" || return 1
    for role in "$CANDOR_BUILD"/src/*/; do
        role=$(basename "$role"); [ -x "$CANDOR_BUILD/src/$role/$role" ] || continue
        mkdir -p "$ROOT/opt/candor/src/$role"; cp "$CANDOR_BUILD/src/$role/$role" "$ROOT/opt/candor/src/$role/"
    done
    if [ ! -d "$ROOT/var/candor" ]; then
        in_root /opt/candor/cli/candor setup $DOMAIN --dir /var/candor || return 1
    fi
    cat >"$ROOT/var/candor/candor.conf" <<C
host      mx.$DOMAIN
spool     /var/candor/spool
database  /var/candor/candor.db
control   /var/candor/control.sock
listen 127.0.0.1:2525 { class mx;      tls optional }
listen 127.0.0.1:2465 { class submit;  tls implicit; auth optional }
tls {
    certificate /var/candor/tls/cert.pem
    key         /var/candor/tls/key.pem
}
domain $DOMAIN { deliver maildir /var/mail/vhosts/{local}/Maildir }
limits {
    unlimited 127.0.0.1
    messages  1000000
}
queue { hold $hold }
C
    if [ ! -e "$ROOT/var/candor/accounts" ]; then
        for i in $(seq 0 $((NUSERS - 1))); do
            in_root /opt/candor/cli/candor account add u$i@$DOMAIN -c /var/candor/candor.conf || return 1
        done
        echo "${SIGN_IN#*:}" | in_root /opt/candor/cli/candor account password ${SIGN_IN%%:*} --stdin -c /var/candor/candor.conf || return 1
        touch "$ROOT/var/candor/accounts"
    fi
    mkdir -p "$ROOT/var/log"
    in_root /opt/candor/cli/candor serve -c /var/candor/candor.conf >"$ROOT/var/log/candor.log" 2>&1 &
}
peer_clean() {
    [ -d "$ROOT/var/candor/spool" ] && find "$ROOT/var/candor/spool" -mindepth 1 -delete
    rm -rf "$ROOT"/var/mail/vhosts/u*; mkdir -p "$ROOT/var/mail/vhosts"; chown 5000:5000 "$ROOT/var/mail/vhosts"
    in_root chown candor-deliver: /var/mail/vhosts
}
