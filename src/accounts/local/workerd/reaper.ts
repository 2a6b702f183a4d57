/**
 * The shell between Node and workerd: it sees to it that workerd never outlives Node, however Node ends.
 * The text is constant; everything variable comes in as an argument.
 *
 * It holds the reading end of a pipe on fd 4 that only Node writes to. A line asks workerd to end (SIGTERM);
 * the pipe's end, which the kernel brings about when Node dies, kills it. That covers SIGKILL of Node. SIGTERM, SIGINT
 * or SIGHUP of this shell kill workerd too. When the shell itself is killed by SIGKILL, Node sees it and kills the
 * process group. What is not covered: both killed by SIGKILL within the same few milliseconds.
 *
 * A signal interrupts the read of some shells, so it too counts as a word.
 *
 * Afterwards it removes the process's own folder ($1), and, when Node has died without a word, the folder of all ($2).
 * The first thing it writes to the control pipe (fd 3) is workerd's pid; workerd goes on with its own events there.
 */
export const REAPER_SCRIPT = `
dir=$1
root=$2
shift 2
asked=
"$@" 4<&- &
child=$!
trap 'asked=1; kill -KILL "$child"' TERM INT HUP
printf '{"event":"pid","pid":%s}\\n' "$child" >&3
exec >/dev/null 2>&1 3>&-
while read -r word <&4; do
  asked=1
  kill -TERM "$child"
done
kill -KILL "$child"
wait "$child"
code=$?
rm -rf -- "$dir"
[ -n "$asked" ] || rm -rf -- "$root"
exit "$code"
`;
