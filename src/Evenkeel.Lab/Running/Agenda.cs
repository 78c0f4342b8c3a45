using System.Globalization;

namespace Evenkeel.Lab.Running;

/// <summary>
/// How far a run of several experiments is, and how long it will still take: planned costs in seconds, corrected by the
/// speed that was seen so far. Pieces run one after another
/// or side by side; time in which none runs does not count. The progress display asks from a thread of its own.
/// </summary>
internal sealed class Agenda(TimeProvider time)
{
    /// <summary>
    /// Share of the plan that the planned speed counts like: one quick experiment says little about the rest.
    /// </summary>
    private const double Trust = 0.05;

    private readonly Lock _lock = new();
    private readonly List<Piece> _pieces = [];
    private double _planned, _finished, _seconds;
    private long _begun;

    /// <summary>Adds to the plan.</summary>
    /// <param name="cost">Seconds it takes on the machine that costs were written down on.</param>
    public void Plan(double cost)
    {
        lock (_lock) _planned += cost;
    }

    /// <summary>A piece of the plan begins; it is over when it is disposed of.</summary>
    public Piece Begin(double cost)
    {
        var piece = new Piece(this, cost);
        lock (_lock)
        {
            if (_pieces.Count == 0) _begun = time.GetTimestamp();
            _pieces.Add(piece);
        }

        return piece;
    }

    /// <summary>Share of the plan that is done, and the time for the rest.</summary>
    public (double Done, TimeSpan Left) State()
    {
        lock (_lock)
        {
            double done = _finished + _pieces.Sum(static piece => piece.Cost * piece.Share);
            double planned = Math.Max(_planned, _finished + _pieces.Sum(static piece => piece.Cost));
            if (planned <= 0) return (0, TimeSpan.Zero);
            double seconds = _seconds + (_pieces.Count > 0 ? time.GetElapsedTime(_begun).TotalSeconds : 0),
                trust = Trust * planned;
            double speed = (seconds + trust) / (done + trust);
            return (done / planned, TimeSpan.FromSeconds((planned - done) * speed));
        }
    }

    private void End(Piece piece)
    {
        lock (_lock)
        {
            if (!_pieces.Remove(piece)) return;
            _finished += piece.Cost;
            if (_pieces.Count == 0) _seconds += time.GetElapsedTime(_begun).TotalSeconds;
        }
    }

    /// <summary><c>12 %, 1 min 20 s left</c>.</summary>
    public override string ToString()
    {
        (double done, TimeSpan left) = State();
        int seconds = (int)Math.Ceiling(left.TotalSeconds);
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(done * 100)} %, " +
            $"{(seconds < 60 ? "" : $"{seconds / 60} min ")}{seconds % 60} s left");
    }

    /// <summary>Something planned that has begun.</summary>
    internal sealed class Piece(Agenda agenda, double cost) : IDisposable
    {
        public double Cost { get; } = cost;

        public double Share { get; private set; }

        /// <summary>It is done to this share, 0 to 1.</summary>
        public void Report(double share)
        {
            lock (agenda._lock) Share = Math.Clamp(share, 0, 1);
        }

        public void Dispose() => agenda.End(this);
    }
}
