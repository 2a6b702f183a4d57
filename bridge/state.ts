/** Where a sidecar stands. */
export enum SidecarState {
  IDLE = 'idle',
  STARTING = 'starting',
  RUNNING = 'running',
  STOPPING = 'stopping',
  STOPPED = 'stopped',
  ERROR = 'error',
  RESTARTING = 'restarting',
}

/** Every way there is from one state to another. */
export const TRANSITIONS: Readonly<Record<SidecarState, readonly SidecarState[]>> = {
  [SidecarState.IDLE]: [SidecarState.STARTING],
  [SidecarState.STARTING]: [SidecarState.RUNNING, SidecarState.ERROR, SidecarState.STOPPING],
  [SidecarState.RUNNING]: [SidecarState.RESTARTING, SidecarState.STOPPING, SidecarState.ERROR],
  [SidecarState.RESTARTING]: [SidecarState.RUNNING, SidecarState.STOPPING, SidecarState.ERROR],
  [SidecarState.STOPPING]: [SidecarState.STOPPED],
  [SidecarState.STOPPED]: [SidecarState.STARTING],
  [SidecarState.ERROR]: [SidecarState.STARTING, SidecarState.STOPPING],
};

export interface StateChange {
  from: SidecarState;
  to: SidecarState;
}

/** The state of one sidecar. The only way to change it is `to`, which tells every change. */
export class StateMachine {
  #state = SidecarState.IDLE;
  readonly #onChange: (change: StateChange) => void;

  constructor(onChange: (change: StateChange) => void) {
    this.#onChange = onChange;
  }

  get current(): SidecarState {
    return this.#state;
  }

  is(...states: readonly SidecarState[]): boolean {
    return states.includes(this.#state);
  }

  /** @throws Error when the table has no such transition: that is a defect, never a user's mistake */
  to(to: SidecarState): void {
    const from = this.#state;
    if (!TRANSITIONS[from].includes(to)) throw new Error(`Illegal state transition from ${from} to ${to}.`);
    this.#state = to;
    this.#onChange({ from, to });
  }
}
