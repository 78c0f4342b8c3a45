using System.Globalization;
using System.Runtime.ExceptionServices;

namespace Evenkeel;

/// <summary>
/// A group whose members are threads of this process. Each member has a thread of its own and computes on that thread
/// alone, so the number of working threads is the number of members.
/// </summary>
/// <remarks>
/// All members must gather the same things in the same order, as replicas of one network do. The group breaks if a
/// member fails, finishes early or does something else. Then every member that waits, or comes later, gets an error
/// that says which member broke the group and where; no member hangs. The next <see cref="Run"/> starts from the
/// beginning.
/// </remarks>
/// <example>
/// <code>
/// using var group = new InProcessCollective(2);
/// group.Run(member =>
/// {
///     var tape = new Tape(Mode.Train) { Collective = member };
///     replicas[member.Rank].Forward(tape.Input(parts[member.Rank]));
/// });
/// </code>
/// </example>
public sealed class InProcessCollective : IDisposable
{
    /// <summary>The group that this thread works for.</summary>
    [ThreadStatic]
    private static InProcessCollective? t_group;

    private readonly Lock _running = new();
    private readonly Lock _ending = new();
    private readonly Rendezvous _rendezvous;
    private readonly Member[] _members;
    private readonly Exception?[] _failures;
    private readonly SemaphoreSlim[] _go;
    private readonly CountdownEvent _others = new(0);
    private Action<ICollective>? _work;
    private int _started = 1;

    // The lock _ending guards both. The threads end when the group is disposed of and does not run.
    private bool _isRunning;
    private bool _isDisposed;

    /// <summary>Makes a group. Its threads start with the first <see cref="Run"/>.</summary>
    /// <param name="size">Number of members, 1 to 1024.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not from 1 to 1024.</exception>
    public InProcessCollective(int size) : this(size, firstPart: 0, meeting: null)
    {
    }

    /// <summary>The members of one process in a group of several processes.</summary>
    /// <param name="size">Number of members of this process.</param>
    /// <param name="firstPart">The rank of the first of them among the parts of all processes.</param>
    /// <param name="meeting">Where the processes meet; null for one process alone.</param>
    internal InProcessCollective(int size, int firstPart, PartMeeting? meeting)
    {
        if (size is < 1 or > 1024)
            throw new ArgumentOutOfRangeException(nameof(size), $"InProcessCollective: expected 1 to 1024 members, "
                + $"got {size}. Each member is a thread; use at most as many members as the batch has parts.");
        _rendezvous = new Rendezvous(size, firstPart, meeting);
        _members = new Member[size];
        for (int rank = 0; rank < size; rank++) _members[rank] = new Member(_rendezvous, rank);
        _failures = new Exception?[size];
        _go = new SemaphoreSlim[size];
        for (int rank = 1; rank < size; rank++) _go[rank] = new SemaphoreSlim(0);
    }

    /// <summary>The largest number of members in a <see cref="Run"/>.</summary>
    public int Size => _members.Length;

    /// <summary>
    /// The members, by rank. Use them to make tapes that live longer than one <see cref="Run"/>. They can gather only
    /// during a run.
    /// </summary>
    public IReadOnlyList<ICollective> Members => _members;

    /// <summary>
    /// Calls <paramref name="work"/> once per member, all at the same time, and returns when all are done. Member 0 is
    /// the calling thread.
    /// </summary>
    /// <param name="work">The work of a member. It gets the member's view of the group.</param>
    /// <param name="members">The number of members that take part, 1 to <see cref="Size"/>. Default: all.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of members is not from 1 to
    /// <see cref="Size"/>.</exception>
    /// <exception cref="InvalidOperationException">
    /// The members did different things, or a member of this group asks for another run during a run.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The group has been disposed of.</exception>
    /// <remarks>
    /// An exception of a member reaches the caller unchanged, after all members have stopped. If several members fail
    /// on their own, the caller gets the exception of the lowest rank. Runs that several threads ask for run one after
    /// another.
    /// </remarks>
    public void Run(Action<ICollective> work, int? members = null) => RunParts(work, members ?? Size, parts: null);

    /// <summary>Runs the members of this process, beside those of others.</summary>
    /// <param name="work">The work of a member.</param>
    /// <param name="members">The number of members of this process that take part.</param>
    /// <param name="parts">The number of members of all processes; null for one process alone.</param>
    internal void RunParts(Action<ICollective> work, int members, int? parts)
    {
        ArgumentNullException.ThrowIfNull(work);
        int count = members;
        if (count < 1 || count > Size)
        {
            throw new ArgumentOutOfRangeException(
                nameof(members), $"InProcessCollective.Run: expected 1 to {Size} members, got {count}.");
        }

        if (ReferenceEquals(t_group, this))
        {
            throw new InvalidOperationException(
                "InProcessCollective.Run: expected a thread that does no work of this group, got one of its members in "
                + "the middle of a run; the two runs would wait for each other. Make another group for the inner one.");
        }

        lock (_running)
        {
            lock (_ending)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                _isRunning = true;
            }

            try
            {
                Start();
                _rendezvous.Begin(count, parts ?? count);
                Array.Clear(_failures);
                _work = work;
                _others.Reset(count - 1);
                for (int rank = 1; rank < count; rank++) _go[rank].Release();
                using (count > 1 ? Compute.UseThreads(1) : null) Do(0);
                _others.Wait();
                _work = null;
            }
            finally
            {
                lock (_ending)
                {
                    _isRunning = false;
                    if (_isDisposed) EndThreads();
                }
            }

            ThrowFirstCause();
        }
    }

    /// <summary>
    /// Ends the threads, after the current run if there is one. A group that is never disposed of ends with the
    /// process.
    /// </summary>
    public void Dispose()
    {
        lock (_ending)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            if (!_isRunning) EndThreads();
        }
    }

    private void Start()
    {
        for (; _started < Size; _started++)
        {
            int rank = _started;
            new Thread(() => Live(rank))
            {
                IsBackground = true,
                Name = string.Create(
                CultureInfo.InvariantCulture, $"Evenkeel member {rank}"),
            }.Start();
        }
    }

    /// <summary>Wakes all threads without giving them work: they then end.</summary>
    private void EndThreads()
    {
        for (int rank = 1; rank < Size; rank++) _go[rank].Release();
    }

    private void Live(int rank)
    {
        // Members compute side by side. Helper threads would only take time from other members.
        using IDisposable alone = Compute.UseThreads(1);
        while (true)
        {
            _go[rank].Wait();
            if (_work is null) return;
            Do(rank);
            _others.Signal();
        }
    }

    private void Do(int rank)
    {
        InProcessCollective? outer = t_group;
        t_group = this;
        try
        {
            _work!(_members[rank]);
        }
        catch (Exception failure)
        {
            _failures[rank] = failure;
        }
        finally
        {
            t_group = outer;
            _rendezvous.Leave(rank, _failures[rank]);
        }
    }

    /// <summary>
    /// Rethrows the error that broke the group, not the errors that the other members got because of it.
    /// </summary>
    private void ThrowFirstCause()
    {
        Exception? first = null;
        foreach (Exception? failure in _failures)
        {
            if (failure is null) continue;
            if (failure is not BrokenGroupException) ExceptionDispatchInfo.Throw(failure);
            first ??= failure;
        }

        if (first is not null) throw new InvalidOperationException(first.Message, first);
    }

    private sealed class Member(Rendezvous rendezvous, int rank) : ICollective
    {
        public int Rank => rendezvous.FirstPart + rank;

        public int Size => rendezvous.Parts;

        public void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all) =>
            rendezvous.Exchange(rank, operation, own, all);
    }

    /// <summary>The exception of members that are stopped because another member broke the group.</summary>
    private sealed class BrokenGroupException(string message, Exception? cause)
        : InvalidOperationException(message, cause);

    /// <summary>
    /// The meeting point of the members. Two sets of buffers hold the values of one meeting and of the next. So a
    /// member may bring its values for the next meeting while a late member still reads those of the last one. No
    /// member can be two meetings ahead.
    /// </summary>
    private sealed class Rendezvous(int size, int firstPart, PartMeeting? processes)
    {
        /// <summary>
        /// Turns of <see cref="Thread.SpinWait"/> before a member sleeps. A member does not spin if there are more
        /// members than processors.
        /// </summary>
        private const int SpinTurns = 2000;

        /// <summary>Outside a run no other member would come, so the group counts as broken.</summary>
        private static readonly BrokenGroupException s_closed = new(
            "no run is under way, so the other members would never come. Members gather only inside "
            + "InProcessCollective.Run. Use a tape without a Collective for a pass without a group.", null);

        private readonly object _gate = new();
        private readonly double[][] _even = Buffers(size);
        private readonly double[][] _odd = Buffers(size);
        private readonly PartMeeting? _across = processes;
        private double[] _evenAcross = [];
        private double[] _oddAcross = [];
        private double[] _own = [];
        private string _operation = "";
        private int _length;
        private int _first;
        private int _arrived;
        private int _left;
        private long _meeting;

        private volatile Exception? _broken = s_closed;

        /// <summary>The number of members that take part.</summary>
        public int Count { get; private set; } = size;

        /// <summary>The number of members of all processes.</summary>
        public int Parts { get; private set; } = size;

        /// <summary>The rank of the first member of this process.</summary>
        public int FirstPart => firstPart;

        public void Begin(int members, int parts)
        {
            (Count, Parts) = (members, parts);
            _arrived = _left = 0;
            _broken = null;
        }

        public void Exchange(int rank, string operation, ReadOnlySpan<double> own, Span<double> all)
        {
            if (all.Length != own.Length * Parts)
            {
                throw new ArgumentException(
                    $"{operation}: expected room for {Parts} times {own.Length} values, got {all.Length}.",
                    nameof(all));
            }

            long meeting = Volatile.Read(ref _meeting);
            double[][] buffers = (meeting & 1) == 0 ? _even : _odd;
            if (buffers[rank].Length < own.Length) buffers[rank] = new double[own.Length];
            own.CopyTo(buffers[rank]);
            lock (_gate)
            {
                ThrowIfBroken(operation);
                Arrive(rank, operation, own.Length);
            }

            Await(meeting, operation);
            if (_across is not null)
            {
                ((meeting & 1) == 0 ? _evenAcross : _oddAcross).AsSpan(0, all.Length).CopyTo(all);
                return;
            }

            for (int member = 0; member < Count; member++)
                buffers[member].AsSpan(0, own.Length).CopyTo(all[(member * own.Length)..]);
        }

        public void Leave(int rank, Exception? failure)
        {
            lock (_gate)
            {
                if (++_left == Count) _broken = s_closed;
                else if (failure is not null and not BrokenGroupException)
                    Break(new BrokenGroupException($"member {rank} of {Count} has failed: {failure.Message}", failure));
                else if (_arrived > 0)
                {
                    Break(new BrokenGroupException(
                        $"member {rank} of {Count} has finished while member {_first} waits in {_operation}; "
                        + $"all members must run the same layers.",
                        null));
                }
            }
        }

        private void Arrive(int rank, string operation, int length)
        {
            if (_left > 0)
            {
                Break(new BrokenGroupException(
                    $"member {rank} of {Count} came to {operation} when another had finished; "
                    + $"all members must run the same layers.",
                    null));
            }
            else if (_arrived > 0
                && (length != _length || !string.Equals(operation, _operation, StringComparison.Ordinal)))
            {
                Break(new BrokenGroupException(
                    $"member {_first} of {Count} waits in {_operation} with {_length} values and member {rank} came to "
                    + $"{operation} with {length}; all members must run the same layers in the same order.",
                    null));
            }

            ThrowIfBroken(operation);
            if (_arrived == 0) (_operation, _length, _first) = (operation, length, rank);
            if (++_arrived < Count) return;
            _arrived = 0;
            if (_across is not null) MeetOthers(operation, length);
            Volatile.Write(ref _meeting, _meeting + 1);
            Monitor.PulseAll(_gate);
        }

        /// <summary>
        /// The last member of this process to come meets the other processes, for all members of this one.
        /// </summary>
        private void MeetOthers(string operation, int length)
        {
            bool isEven = (_meeting & 1) == 0;
            ref double[] all = ref isEven ? ref _evenAcross : ref _oddAcross;
            if (all.Length < length * Parts) all = new double[length * Parts];
            if (_own.Length < length * Count) _own = new double[length * Count];
            double[][] buffers = isEven ? _even : _odd;
            for (int member = 0; member < Count; member++)
                buffers[member].AsSpan(0, length).CopyTo(_own.AsSpan(member * length));
            _across!.Exchange(operation, _own.AsSpan(0, length * Count), length, all.AsSpan(0, length * Parts));
        }

        private void Await(long meeting, string operation)
        {
            int turns = Count <= Environment.ProcessorCount ? SpinTurns : 0;
            for (int turn = 0; turn < turns && Volatile.Read(ref _meeting) == meeting && _broken is null; turn++)
                Thread.SpinWait(2);
            if (Volatile.Read(ref _meeting) != meeting) return;
            lock (_gate)
            {
                while (_meeting == meeting && _broken is null) Monitor.Wait(_gate);
                if (_meeting == meeting) ThrowIfBroken(operation);
            }
        }

        private void Break(Exception why)
        {
            _broken ??= why;
            Monitor.PulseAll(_gate);
        }

        /// <summary>
        /// Makes a new exception per member: one object thrown on two threads would mix their stack traces.
        /// </summary>
        private void ThrowIfBroken(string operation)
        {
            if (_broken is { } broken)
                throw new BrokenGroupException($"{operation}: {broken.Message}", broken.InnerException);
        }

        private static double[][] Buffers(int size)
        {
            var buffers = new double[size][];
            Array.Fill(buffers, []);
            return buffers;
        }
    }
}
