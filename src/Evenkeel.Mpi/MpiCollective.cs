using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Evenkeel.Mpi;

/// <summary>
/// The processes that <c>mpirun</c> (or Slurm's <c>srun</c>) has started, for
/// <see cref="Evenkeel.Training.TrainerOptions.Processes"/>. Without a launcher it is a group of one.
/// </summary>
/// <remarks>
/// <para>The library is loaded when the program runs: that of the launcher (Open MPI, MPICH). MPI adds nothing: it
/// moves bytes (<c>MPI_Iallgather</c>, <c>MPI_Ialltoallv</c>, <c>MPI_Iallgatherv</c>), so libraries and networks change
/// no bit.</para>
/// <para>Every wait asks and looks at the clock. A process that has died on this machine, or does not come within
/// <see cref="MpiOptions.Deadline"/>, ends all, with one message that names it, the operation and the step.</para>
/// </remarks>
/// <example>
/// <code>
/// using MpiCollective processes = MpiCollective.Start();
/// var options = new TrainerOptions { MicroBatches = processes.Size, Processes = processes };
/// </code>
/// </example>
public sealed unsafe class MpiCollective : IProcessGroup, IDisposable
{
    /// <summary>What MPI_Init_thread is asked for: one thread at a time.</summary>
    private const int Serialized = 2;

    private const int ErrorTextBytes = 512, VersionTextBytes = 8192, ExitCode = 1;

    /// <summary>How often a process looks for the word of another that ends all.</summary>
    private const int AnnouncementTurns = 20;

    /// <summary>
    /// How often it looks after a death: the launcher leaves it a second, which is short on a busy machine.
    /// </summary>
    private const int AnnouncementTurnsAfterDeath = 5;

    private static readonly TimeSpan s_announcementPause = TimeSpan.FromMilliseconds(10);

    private static readonly Lock s_starting = new();
    private static bool s_isStarted;

    private readonly MpiLibrary _mpi;
    private readonly MpiOptions _options;
    private readonly Lock _calls = new();
    private readonly nint _gathering;
    private readonly nint _scattering;
    private readonly nint _collecting;
    private readonly RollCall _rollCall;
    private readonly Neighbours _neighbours;
    private readonly PosixSignalRegistration? _terminated;
    private readonly bool _isCrowded;
    private byte[] _own = [];
    private byte[] _all = [];
    private long _bytesSent;
    private volatile string _operation = "start";
    private bool _hasDeadline = true;
    private int _isEnding;
    private bool _isDisposed;

    private MpiCollective(MpiLibrary mpi, MpiOptions options)
    {
        (_mpi, _options) = (mpi, options);
        int isInitialized = 0, provided = 0, rank = 0, size = 1;
        Check(_mpi.Initialized(&isInitialized), "MPI_Initialized");
        if (isInitialized == 0) Check(_mpi.InitThread(null, null, Serialized, &provided), "MPI_Init_thread");
        Check(_mpi.CommRank(_mpi.World, &rank), "MPI_Comm_rank");
        Check(_mpi.CommSize(_mpi.World, &size), "MPI_Comm_size");
        (Rank, Size) = (rank, size);
        _gathering = Duplicate();
        _scattering = Duplicate();
        _collecting = Duplicate();
        _rollCall = new RollCall(_mpi, Duplicate(), rank, size);
        byte[] cards = new byte[Neighbours.CardBytes * size];
        _isCrowded = true;
        _neighbours = new Neighbours(rank, new byte[Neighbours.CardBytes * size]);
        AllGather("start", Neighbours.OwnCard(), cards);
        _neighbours = new Neighbours(rank, cards);
        _isCrowded = _neighbours.CountHere > Environment.ProcessorCount;
        if (OperatingSystem.IsWindows() || size == 1) return;
        // The launcher ends the others when one has died. What has happened is said before.
        _terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => ReportDeath());
    }

    /// <summary>The number of this process.</summary>
    public int Rank { get; }

    /// <summary>The number of processes.</summary>
    public int Size { get; }

    /// <inheritdoc/>
    public long Step { get; set; }

    /// <inheritdoc/>
    public TimeSpan Deadline => _options.Deadline;

    /// <inheritdoc/>
    public long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>The library, for example <c>Open MPI v4.1.4</c>.</summary>
    public string Library
    {
        get
        {
            byte* text = stackalloc byte[VersionTextBytes];
            int length = 0;
            Check(_mpi.LibraryVersion(text, &length), "MPI_Get_library_version");
            string version = Encoding.UTF8.GetString(text, Math.Min(length, VersionTextBytes));
            return version.Split('\n', ',')[0].Trim('\0', ' ');
        }
    }

    /// <summary>How many processes the launcher has started, without MPI; 1 if there is no launcher.</summary>
    public static int LaunchedSize => Launcher.Size;

    /// <summary>The number of this process, without MPI; 0 if there is no launcher.</summary>
    public static int LaunchedRank => Launcher.Rank;

    /// <summary>Joins the processes. Once per process.</summary>
    /// <param name="options">The settings. Null takes the defaults.</param>
    /// <exception cref="MpiNotFoundException">There is no MPI library. The message has the command.</exception>
    /// <exception cref="InvalidOperationException">
    /// It was called before: MPI begins once. Or the launcher belongs to another library than the one that is loaded.
    /// </exception>
    public static MpiCollective Start(MpiOptions? options = null)
    {
        options ??= new MpiOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Deadline, TimeSpan.Zero, nameof(options));
        lock (s_starting)
        {
            if (s_isStarted)
            {
                throw new InvalidOperationException(
                    "MpiCollective.Start: expected one call per process, because MPI begins once, got another one. "
                    + "Keep the first group and pass it on.");
            }

            var group = new MpiCollective(MpiLibrary.Load(options.Library), options);
            s_isStarted = true;
            if (group.Size == Launcher.Size || Launcher.Size == 1) return group;
            string library = group.Library;
            throw new InvalidOperationException(
                $"MpiCollective.Start: expected {Launcher.Size} processes, which the launcher has started, got "
                + $"{group.Size} from {library} ({group._mpi.File}). Launcher and library belong to different "
                + "installations: start with the mpirun of this library, or name its file in EVENKEEL_MPI_LIBRARY.");
        }
    }

    /// <inheritdoc/>
    public string NameOf(int rank) => _neighbours.NameOf(rank);

    /// <inheritdoc/>
    public void AllGather(string operation, ReadOnlySpan<double> own, Span<double> all) =>
        AllGather(operation, MemoryMarshal.AsBytes(own), MemoryMarshal.AsBytes(all));

    /// <inheritdoc/>
    public void AllGather(string operation, ReadOnlySpan<byte> own, Span<byte> all)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (all.Length != own.Length * Size)
        {
            throw new ArgumentException(
                $"{operation}: expected room for {Size} times {own.Length} bytes, got {all.Length}.", nameof(all));
        }

        Grow(ref _own, own.Length);
        Grow(ref _all, all.Length);
        own.CopyTo(_own);
        fixed (byte* sent = _own, received = _all)
        {
            nint request = 0;
            lock (_calls)
            {
                int code = _mpi.AllGather(
                    sent, own.Length, _mpi.Bytes, received, own.Length, _mpi.Bytes, _gathering, &request);
                Check(code, operation);
            }

            Wait(operation, ref request);
        }

        _all.AsSpan(0, all.Length).CopyTo(all);
    }

    /// <inheritdoc/>
    public ITransfer BeginAllToAll(
        string operation, byte[] sent, int[] sentCounts, byte[] received, int[] receivedCounts)
    {
        ArgumentNullException.ThrowIfNull(sentCounts);
        ArgumentNullException.ThrowIfNull(receivedCounts);
        var transfer = new Transfer(this, operation, sentCounts, receivedCounts);
        for (int rank = 0; rank < Size; rank++)
        {
            if (rank != Rank) _bytesSent += sentCounts[rank];
        }

        lock (_calls)
        {
            Check(
                _mpi.AllToAllV(
                    Address(sent), transfer.Counts, transfer.Places, _mpi.Bytes, Address(received),
                    transfer.OtherCounts, transfer.OtherPlaces, _mpi.Bytes, _scattering, transfer.Request),
                operation);
        }

        return transfer;
    }

    /// <inheritdoc/>
    public ITransfer BeginAllGather(string operation, byte[] values, int[] counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        var transfer = new Transfer(this, operation, counts, counts);
        _bytesSent += (long)counts[Rank] * (Size - 1);
        lock (_calls)
        {
            Check(
                _mpi.AllGatherV(
                    _mpi.InPlace, 0, _mpi.Bytes, Address(values), transfer.Counts, transfer.Places, _mpi.Bytes,
                    _collecting, transfer.Request),
                operation);
        }

        return transfer;
    }

    /// <inheritdoc/>
    [DoesNotReturn]
    public void Abort(string message)
    {
        End(message);
        throw new UnreachableException();
    }

    /// <summary>Leaves the group. MPI waits until all processes have come so far.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        // The first process may still evaluate and write: the others wait for it without a deadline.
        _hasDeadline = false;
        AllGather("end", [0], new byte[Size]);
        _isDisposed = true;
        _terminated?.Dispose();
        lock (_calls) _mpi.Finalize();
    }

    private static void Grow(ref byte[] array, int bytes)
    {
        if (array.Length < bytes) array = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
    }

    /// <summary>The address of an array that the caller has pinned.</summary>
    private static void* Address(byte[] pinned) =>
        Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));

    private nint Duplicate()
    {
        nint duplicate = 0;
        Check(_mpi.CommDup(_mpi.World, &duplicate), "MPI_Comm_dup");
        Check(_mpi.SetErrorHandler(duplicate, _mpi.ErrorsReturn), "MPI_Comm_set_errhandler");
        return duplicate;
    }

    private bool IsDone(string operation, ref nint request)
    {
        int isDone = 0;
        fixed (nint* one = &request)
            lock (_calls) Check(_mpi.Test(one, &isDone, _mpi.StatusIgnore), operation);
        return isDone != 0;
    }

    /// <summary>Asks until an operation is done: at first without a pause, then with ever longer ones.</summary>
    private void Wait(string operation, ref nint request)
    {
        _operation = operation;
        if (IsDone(operation, ref request)) return;
        long begun = Stopwatch.GetTimestamp();
        var patience = new Patience(_isCrowded);
        while (!IsDone(operation, ref request))
        {
            patience.Pause();
            if (!patience.IsLong) continue;
            LookAround(operation, Stopwatch.GetElapsedTime(begun));
        }
    }

    private void LookAround(string operation, TimeSpan waited)
    {
        if (_neighbours.FindDead() >= 0) ReportDeath();
        bool isCalled;
        lock (_calls) isCalled = _rollCall.IsCalled();
        EndSilentlyIfAnnounced();
        if (!_hasDeadline || (waited < _options.Deadline && !isCalled)) return;
        int[] missing = _rollCall.Call(_calls, out bool speaks);
        string who = missing.Length == 0 ? "a process" : string.Join(", ", missing.Select(NameOf));
        if (!speaks) Thread.Sleep(TimeSpan.FromSeconds(5));
        End($"{who} did not come to \"{operation}\" at step {Step} within {_options.Deadline.TotalSeconds:R} s, where "
            + $"{NameOf(Rank)} waits. All processes end; a checkpoint continues the run.");
    }

    /// <summary>Ends all if a process of this machine has died. One process says it.</summary>
    private void ReportDeath()
    {
        int dead = _neighbours.FindDead();
        if (dead < 0 || Volatile.Read(ref _isEnding) != 0) return;
        // Who ends all on purpose has said so before. The word may still be on its way.
        for (int turn = 0; turn < AnnouncementTurnsAfterDeath && !_rollCall.IsEnding; turn++)
        {
            if (_calls.TryEnter(s_announcementPause))
            {
                _rollCall.IsCalled();
                _calls.Exit();
            }

            Thread.Sleep(s_announcementPause);
        }

        EndSilentlyIfAnnounced();
        string? message = !_neighbours.Speaks() ? null
            : $"{NameOf(dead)} has died; {NameOf(Rank)} was in \"{_operation}\" at step {Step}. All processes end; a "
            + "checkpoint continues the run.";
        if (message is null) Thread.Sleep(TimeSpan.FromSeconds(2));
        End(message);
    }

    /// <summary>Another process has said why all end. The launcher is about to end this one.</summary>
    private void EndSilentlyIfAnnounced()
    {
        if (!_rollCall.IsEnding) return;
        Thread.Sleep(TimeSpan.FromSeconds(5));
        End(null);
    }

    private void End(string? message)
    {
        if (Interlocked.Exchange(ref _isEnding, 1) != 0)
        {
            // Another thread of this process ends it.
            Thread.Sleep(Timeout.Infinite);
        }

        if (message is not null)
        {
            TextWriter messages = _options.Messages ?? Console.Error;
            messages.WriteLine($"evenkeel: {message}");
            messages.Flush();
        }

        // A thread may be inside a call; the end does not wait for it for long.
        _calls.TryEnter(TimeSpan.FromSeconds(1));
        if (message is not null)
        {
            _rollCall.SayEnd();
            for (int turn = 0; turn < AnnouncementTurns; turn++) _rollCall.IsCalled();
            Thread.Sleep(s_announcementPause);
        }

        _mpi.Abort(_mpi.World, ExitCode);
        Environment.Exit(ExitCode);
    }

    private void Check(int code, string operation)
    {
        if (code == 0) return;
        byte* text = stackalloc byte[ErrorTextBytes];
        int length = 0;
        _mpi.ErrorString(code, text, &length);
        string why = Encoding.UTF8.GetString(text, Math.Min(length, ErrorTextBytes)).TrimEnd('\0');
        End($"rank {Rank} on {Environment.MachineName}: \"{operation}\" failed at step {Step}: {why}. All processes "
            + "end; a checkpoint continues the run.");
    }

    /// <summary>A transfer that runs beside the computation. What MPI reads stays where it is.</summary>
    private sealed class Transfer : ITransfer
    {
        private readonly MpiCollective _group;
        private readonly string _operation;
        private readonly int[] _numbers;
        private readonly nint[] _request = GC.AllocateArray<nint>(1, pinned: true);
        private bool _isDone;

        public Transfer(MpiCollective group, string operation, int[] counts, int[] otherCounts)
        {
            ObjectDisposedException.ThrowIf(group._isDisposed, group);
            (_group, _operation) = (group, operation);
            _numbers = GC.AllocateArray<int>(4 * group.Size, pinned: true);
            Fill(counts, 0);
            Fill(otherCounts, 2);
        }

        public int* Counts => Row(0);

        public int* Places => Row(1);

        public int* OtherCounts => Row(2);

        public int* OtherPlaces => Row(3);

        public nint* Request => (nint*)Unsafe.AsPointer(ref _request[0]);

        public bool Poll() => _isDone = _isDone || _group.IsDone(_operation, ref _request[0]);

        public void Wait()
        {
            if (!_isDone) _group.Wait(_operation, ref _request[0]);
            _isDone = true;
        }

        private int* Row(int row) => (int*)Unsafe.AsPointer(ref _numbers[row * _group.Size]);

        private void Fill(int[] counts, int row)
        {
            int place = 0;
            for (int rank = 0; rank < _group.Size; rank++)
            {
                _numbers[(row * _group.Size) + rank] = counts[rank];
                _numbers[((row + 1) * _group.Size) + rank] = place;
                place = checked(place + counts[rank]);
            }
        }
    }
}
