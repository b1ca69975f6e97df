#!/usr/bin/env bash
# Apache Kafka without Docker: one KRaft node on loopback, from Maven jars.
# It needs Java 17 and, for the first fetch, Maven.
#
#   start.sh fetch    download the jars, about 43 MB, once
#   start.sh run      run in the foreground until a signal comes
#   start.sh start    run in the background, return once it answers
#   start.sh stop     end what start began
#   start.sh status   say up or down
#
#   KAFKA_PORT      listener on 127.0.0.1; default 9092
#   KAFKA_CTL_PORT  controller on 127.0.0.1; default KAFKA_PORT + 1
#   KAFKA_DIR       data, settings and logs; default data/kafka-real
#   KAFKA_HEAP      Java heap; default 512m
#   KAFKA_EXTRA     lines added to server.properties
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/adp/kafka-$version
port=${KAFKA_PORT:-9092}
ctl=${KAFKA_CTL_PORT:-$((port + 1))}
dir=${KAFKA_DIR:-data/kafka-real}
heap=${KAFKA_HEAP:-512m}

die() { echo "start.sh: $*" >&2; exit 1; }
up() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
alive() { [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }

# The jars arrive in a folder of their own that is then renamed, so that two
# fetches at once, or one that was killed, leave no half.
fetch() {
  [ -d "$cache" ] && return
  command -v mvn >/dev/null || die "Maven is needed once, to download Kafka $version; install maven"
  mkdir -p "$(dirname "$cache")"
  local part
  part=$(mktemp -d "$cache.XXXXXX")
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part" -DincludeScope=runtime ||
    { rm -rf "$part"; die "download Kafka $version by Maven: see above"; }
  mv -T "$part" "$cache" 2>/dev/null || rm -rf "$part"
}

prepare() {
  command -v java >/dev/null || die "Java 17 or newer is needed to run Kafka $version; install a JRE"
  fetch
  mkdir -p "$dir"
  cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$ctl
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$ctl
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$dir/data
num.partitions=1
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.retention.hours=-1
${KAFKA_EXTRA:-}
PROPERTIES
  export CLASSPATH="$cache/*"
  [ -f "$dir/data/meta.properties" ] && return
  local id
  id=$(head -c16 /dev/urandom | base64 | tr '+/' '-_' | cut -c1-22)
  java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" >"$dir/format.log" 2>&1 ||
    { cat "$dir/format.log" >&2; die "format $dir/data"; }
}

run() {
  exec java -Xms"$heap" -Xmx"$heap" -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    kafka.Kafka "$dir/server.properties"
}

case ${1:-} in
fetch) fetch ;;
run) prepare && run ;;
start)
  alive && { echo "Kafka is up on 127.0.0.1:$port, pid $(cat "$dir/pid")"; exit 0; }
  up && die "something else listens on 127.0.0.1:$port; set KAFKA_PORT"
  prepare
  (run) >"$dir/kafka.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  disown
  for _ in $(seq 600); do
    up && { echo "Kafka $version is up on 127.0.0.1:$port, pid $(cat "$dir/pid")"; exit 0; }
    alive || break
    sleep 0.1
  done
  tail -20 "$dir/kafka.log" >&2
  die "Kafka didn't come up; its log is $dir/kafka.log"
  ;;
stop)
  alive || { rm -f "$dir/pid"; exit 0; }
  pid=$(cat "$dir/pid")
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -f "$dir/pid"
  ;;
status) up && echo up || { echo down; exit 1; } ;;
*) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
