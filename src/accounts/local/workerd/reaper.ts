/**
 * The shell between Node and workerd: it sees to it that workerd never outlives Node, however Node ends.
 * The text is constant; everything variable comes in as an argument.
 *
 * It holds the reading end of a pipe on fd 4 that only Node writes to. A line asks workerd to end (SIGTERM);
 * the pipe's end, which the kernel brings about when Node dies, kills it. That covers SIGKILL of Node. SIGTERM, SIGINT
 * or SIGHUP of this shell kill workerd too. When the shell itself is killed by SIGKILL, Node sees it and kills the
 * process group. When both are killed within the same few milliseconds, neither is left to act: the kernel does, where
 * `setpriv` ($3, see parent-death.ts) could ask it to.
 *
 * The kernel's signal comes only to a process that had asked for it when its parent died. So the step between
 * setpriv and workerd looks whether its parent is still this shell, and ends when it is not.
 *
 * A signal interrupts the read of some shells, so it too counts as a word.
 *
 * Afterwards it removes the process's own folder ($1), and, when Node has died without a word, the folder of all ($2);
 * once more when that failed, for the shells of one runtime do it at the same moment and get in each other's way.
 * The first thing it writes to the control pipe (fd 3) is workerd's pid; workerd goes on with its own events there.
 */
export const REAPER_SCRIPT = `
dir=$1
root=$2
setpriv=$3
shift 3
asked=
[ -z "$setpriv" ] || set -- "$setpriv" --pdeathsig KILL /bin/sh -c '[ "$PPID" = "$0" ] && exec "$@"' "$$" "$@"
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
[ -n "$asked" ] || rm -rf -- "$root" || rm -rf -- "$root"
exit "$code"
`;
