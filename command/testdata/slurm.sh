#!/usr/bin/env bash
# A Slurm of two nodes on loopback, and a third for what takes its time, for a
# test.   slurm.sh start|node NAME|lose NAME|stop DIR
# Needs, as root: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
set -euo pipefail
dir=${!#}
export SLURM_CONF=$dir/slurm.conf
case $1 in
start)
  mkdir -p "$dir"/{state,n1,n2,n3}
  munge=$(mktemp -d /tmp/icar-munge-XXXXXX) # munged wants a path that nobody else writes
  chown munge "$munge" && chmod 755 "$munge"
  echo "$munge" > "$dir/munge"
  head -c 128 /dev/urandom > "$munge/key" && chown munge "$munge/key" && chmod 400 "$munge/key"
  runuser -u munge -- munged --force --key-file "$munge/key" --socket "$munge/socket" --pid-file "$munge/pid" --log-file "$munge/log" --seed-file "$munge/seed"
  # Free now, and below those that the system gives to whoever asks for any.
  ports=($(python3 - <<'PYTHON'
import random, socket
held = []
while len(held) < 4:
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(10000, 32000)))
        held.append(s)
    except OSError:
        pass
print(*(s.getsockname()[1] for s in held))
PYTHON
  ))
  cat > "$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$munge/socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/%n
SlurmctldPidFile=$dir/controller.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/controller.log
SlurmdLogFile=$dir/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdTimeout=600
KillWait=2
MinJobAge=300
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName=n1 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=1 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=1 RealMemory=4000 State=UNKNOWN
NodeName=n3 NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=${ports[3]} CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=p Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=limit Nodes=n3 MaxTime=INFINITE State=UP
CONF
  slurmctld
  slurmd -N n1
  slurmd -N n2
  slurmd -N n3
  for _ in $(seq 600); do
    [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)" = 3 ] && exit 0
    sleep 0.2
  done
  cat "$dir"/*.log >&2
  exit 1
  ;;
node) slurmd -N "$2" ;;
lose) # the daemon, and all that runs on the node, at once: as when its power fails. The
  # controller is told: if it found out by itself, a node that is only slow would be lost too.
  kill -9 "$(cat "$dir/$2.pid")"
  for process in $(grep -lsz "^SLURMD_NODENAME=$2\$" /proc/[0-9]*/environ | cut -d/ -f3); do
    if grep -qsz "^SLURM_CONF=$SLURM_CONF\$" "/proc/$process/environ"; then
      parent=$(cut -d' ' -f4 "/proc/$process/stat" 2>/dev/null || echo 1)
      grep -qs slurmstepd "/proc/$parent/comm" && kill -9 "$parent" || true
      kill -9 "$process" 2>/dev/null || true
    fi
  done
  scontrol update "NodeName=$2" State=DOWN Reason=lost
  ;;
stop)
  scancel -u root 2>/dev/null || true
  for _ in $(seq 100); do # until no job is left: its daemon would wait for the controller
    [ -z "$(squeue -h 2>/dev/null)" ] && break
    sleep 0.1
  done
  pids=$(cat "$dir"/*.pid 2>/dev/null || true)
  scontrol shutdown || true
  for _ in $(seq 100); do # until they have written their last state
    kill -0 $pids 2>/dev/null || break
    sleep 0.2
  done
  kill "$(cat "$(cat "$dir/munge")/pid")"
  rm -rf "$(cat "$dir/munge")"
  ;;
esac
