using System.Globalization;

namespace Evenkeel.Lab.Running;

/// <summary>
/// How far a run of several experiments is, and how long it will still take: planned costs in seconds, corrected by the speed that was seen so far. Experiments begin and end one after
/// another; the progress display asks from a thread of its own.
/// </summary>
internal sealed class Agenda(TimeProvider time)
{
    /// <summary>Share of the plan that the planned speed counts like: one quick experiment says little about the rest.</summary>
    private const double Trust = 0.05;

    private readonly Lock _lock = new();
    private double _planned, _finished, _seconds, _cost, _share;
    private long _begun;

    /// <summary>Adds to the plan.</summary>
    /// <param name="cost">Seconds it takes on the machine that costs were written down on.</param>
    public void Plan(double cost)
    {
        lock (_lock) _planned += cost;
    }

    /// <summary>Something that was planned begins.</summary>
    public void Begin(double cost)
    {
        lock (_lock) (_cost, _share, _begun) = (cost, 0, time.GetTimestamp());
    }

    /// <summary>What has begun is done to this share.</summary>
    public void Report(double share)
    {
        lock (_lock) _share = Math.Clamp(share, 0, 1);
    }

    /// <summary>What has begun is over.</summary>
    public void End()
    {
        lock (_lock)
        {
            _seconds += time.GetElapsedTime(_begun).TotalSeconds;
            _finished += _cost;
            (_cost, _share) = (0, 0);
        }
    }

    /// <summary>Share of the plan that is done, and the time for the rest.</summary>
    public (double Done, TimeSpan Left) State()
    {
        lock (_lock)
        {
            double done = _finished + (_cost * _share), planned = Math.Max(_planned, _finished + _cost);
            if (planned <= 0) return (0, TimeSpan.Zero);
            double seconds = _seconds + (_cost > 0 ? time.GetElapsedTime(_begun).TotalSeconds : 0), trust = Trust * planned;
            double speed = (seconds + trust) / (done + trust);
            return (done / planned, TimeSpan.FromSeconds((planned - done) * speed));
        }
    }

    /// <summary><c>12 %, 1 min 20 s left</c>.</summary>
    public override string ToString()
    {
        (double done, TimeSpan left) = State();
        int seconds = (int)Math.Ceiling(left.TotalSeconds);
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(done * 100)} %, {(seconds < 60 ? "" : $"{seconds / 60} min ")}{seconds % 60} s left");
    }
}
