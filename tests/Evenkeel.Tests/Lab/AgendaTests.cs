using Evenkeel.Lab.Running;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class AgendaTests
{
    /// <summary>Seconds: a clock that is read to the millisecond.</summary>
    private const double Milliseconds = 1e-3;

    private readonly Clock _clock = new();

    [Fact]
    public void Before_anything_is_done_the_plan_counts()
    {
        Agenda agenda = Planned(10, 30);
        Assert.Equal((0, TimeSpan.FromSeconds(40)), agenda.State());
        Assert.Equal("0 %, 40 s left", agenda.ToString());
    }

    [Fact]
    public void The_speed_that_was_seen_corrects_the_plan()
    {
        Agenda agenda = Planned(10, 30);
        Agenda.Piece piece = agenda.Begin(10);
        _clock.Advance(10);
        piece.Report(0.5);
        // Half of 10 s took 10 s: twice as slow, held back by the 5 % of the plan (2 s) that the
        // planned speed counts like.
        (double done, TimeSpan left) = agenda.State();
        Assert.Equal(5.0 / 40, done, Tolerances.Float64Roundoff);
        Assert.Equal(35 * 12.0 / 7, left.TotalSeconds, Milliseconds);
        _clock.Advance(10);
        piece.Dispose();
        Assert.Equal(30 * 22.0 / 12, agenda.State().Left.TotalSeconds, Milliseconds);
        Assert.Equal("25 %, 55 s left", agenda.ToString());
    }

    [Fact]
    public void Time_between_two_experiments_is_not_counted()
    {
        Agenda agenda = Planned(10, 10);
        using (agenda.Begin(10)) _clock.Advance(10);
        _clock.Advance(1000);
        Assert.Equal(TimeSpan.FromSeconds(10), agenda.State().Left);
    }

    [Fact]
    public void Time_in_which_pieces_run_side_by_side_counts_once()
    {
        Agenda agenda = Planned(10, 10, 20);
        Agenda.Piece first = agenda.Begin(10), second = agenda.Begin(10);
        _clock.Advance(8);
        first.Dispose();
        _clock.Advance(2);
        second.Report(0.5);
        Assert.Equal(15.0 / 40, agenda.State().Done, Tolerances.Float64Roundoff);
        second.Dispose();
        // 20 s of the plan took 10 s; the planned speed counts like another 2 s.
        Assert.Equal(20 * 12.0 / 22, agenda.State().Left.TotalSeconds, Milliseconds);
    }

    [Fact]
    public void The_end_is_the_end()
    {
        Agenda agenda = Planned(100);
        Agenda.Piece piece = agenda.Begin(100);
        _clock.Advance(61);
        piece.Report(2);
        Assert.Equal("100 %, 0 s left", agenda.ToString());
        piece.Dispose();
        piece.Dispose();
        Assert.Equal((1, TimeSpan.Zero), agenda.State());
    }

    [Fact]
    public void What_was_not_planned_counts_as_well()
    {
        var agenda = new Agenda(_clock);
        Assert.Equal("0 %, 0 s left", agenda.ToString());
        using Agenda.Piece piece = agenda.Begin(130);
        Assert.Equal("0 %, 2 min 10 s left", agenda.ToString());
    }

    private Agenda Planned(params double[] costs)
    {
        var agenda = new Agenda(_clock);
        foreach (double cost in costs) agenda.Plan(cost);
        return agenda;
    }

    private sealed class Clock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => _now;

        public void Advance(double seconds) => _now += (long)(seconds * 1_000_000);
    }
}
