// Package sweep shares trials among workers and records each result once.
//
// A trial is an identity and the bytes of a configuration. Workers, of one
// process or of many machines, meet in a database: a SQLite file, or Postgres.
//
//	sweeps    id, kind, config, arithmetic, program, trials, attempts, stop_on_failure, created
//	trials    sweep, position, id, config, state, epoch, due, lease, worker, failures, losses, error
//	attempts  sweep, trial, epoch, worker, started, ended, outcome, error
//	results   sweep, trial, epoch, result
//	metrics   sweep, trial, step, name, value
//
//	icar_schema  version, identity
//	icar_places  place, name, since
//
// A sweep is of one program: of the executable that created it, whose hash
// stands in its row. Workers that are another one are refused, for other code
// may give other results.
//
// A database has an identity and is at a place, a file or tables of a server. A
// copy of it is at another place and its workers keep their files apart, see
// [Store.Settle].
//
// A state is pending, running, done, failed or cancelled. Times are
// milliseconds of the database's own clock since 1970; no worker's clock is
// asked. due is when a pending trial may start and when the lease of a running
// one ends.
//
// Leases are fenced. A claim raises the trial's epoch, and whatever a worker
// writes later carries the epoch of its claim: once another has claimed the
// trial, a heartbeat, a result or an error of the first changes no row and is
// refused with [ErrLost]. A result is written in the transaction that ends its
// trial. A lease that ends later than its own length from now was given by a
// clock that has since been set back; it counts as ended.
//
// Rows are data. A sweep or a trial that icar has not written so, whose id is
// not that of what it holds, is refused with [ErrRow] where it is read, and
// [FaultOf] says of any error whether a worker asks again, gives up the trial,
// or gives up.
package sweep
