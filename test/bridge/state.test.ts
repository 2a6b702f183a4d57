import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SidecarState, type StateChange, StateMachine, TRANSITIONS } from '../../bridge/state.js';

const ALL = Object.values(SidecarState);

/** A machine taken to `state` along the table. */
function machineIn(state: SidecarState): { machine: StateMachine; changes: StateChange[] } {
  const changes: StateChange[] = [];
  const machine = new StateMachine((change) => changes.push(change));
  const paths = new Map<SidecarState, SidecarState[]>([[SidecarState.IDLE, []]]);
  for (const [from, path] of paths) {
    for (const to of TRANSITIONS[from]) if (!paths.has(to)) paths.set(to, [...path, to]);
  }
  for (const step of paths.get(state) ?? []) machine.to(step);
  changes.length = 0;
  return { machine, changes };
}

test('the states are those of the reference, and every one can be reached', () => {
  assert.deepEqual(ALL, ['idle', 'starting', 'running', 'stopping', 'stopped', 'error', 'restarting']);
  for (const state of ALL) assert.equal(machineIn(state).machine.current, state);
});

test('each way in the table is taken and told once; every other one throws and changes nothing', () => {
  for (const from of ALL) {
    for (const to of ALL) {
      const { machine, changes } = machineIn(from);
      if (TRANSITIONS[from].includes(to)) {
        machine.to(to);
        assert.deepEqual(changes, [{ from, to }]);
        assert.equal(machine.is(to), true);
      } else {
        assert.throws(() => machine.to(to), new RegExp(`from ${from} to ${to}`));
        assert.equal(machine.current, from);
        assert.deepEqual(changes, []);
      }
    }
  }
});
