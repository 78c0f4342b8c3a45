using Evenkeel.Tests.Serialization;
using Evenkeel.Workbench.Watching;
using Xunit;

namespace Evenkeel.Tests.Workbench;

public sealed class LineTailTests
{
    [Fact]
    public void A_torn_line_is_read_when_it_is_whole()
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "a");
        File.WriteAllText(path, "one\ntw");
        TailReading first = LineTail.Read(path, default);
        Assert.Equal(["one"], first.Lines);
        File.AppendAllText(path, "o\n");
        TailReading second = LineTail.Read(path, first.Position);
        Assert.Equal(["two"], second.Lines);
        Assert.False(second.IsAnew);
        Assert.Empty(LineTail.Read(path, second.Position).Lines);
    }

    [Fact]
    public void A_file_that_was_cut_and_has_grown_again_is_read_anew()
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "a");
        File.WriteAllText(path, "one\ntwo\n");
        TailPosition position = LineTail.Read(path, default).Position;
        File.WriteAllText(path, "one\nTWO\nthree\n");
        TailReading reading = LineTail.Read(path, position);
        Assert.True(reading.IsAnew);
        Assert.Equal(["one", "TWO", "three"], reading.Lines);
    }

    [Fact]
    public void A_missing_file_has_no_lines()
    {
        using var folder = new TempFolder();
        TailReading reading = LineTail.Read(Path.Combine(folder.Path, "a"), default);
        Assert.Empty(reading.Lines);
        Assert.False(reading.IsAnew);
    }

    [Fact]
    public void A_line_longer_than_a_portion_is_read_whole()
    {
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "a"), large = new('x', 1_000_000);
        File.WriteAllText(path, $"{large}\nb\n");
        var lines = new List<string>();
        TailReading reading;
        TailPosition position = default;
        do
        {
            reading = LineTail.Read(path, position);
            lines.AddRange(reading.Lines);
            position = reading.Position;
        }
        while (reading.HasMore);
        Assert.Equal([large, "b"], lines);
    }

    [Theory]
    [InlineData("")]
    [InlineData("12")]
    [InlineData("-1.0")]
    [InlineData("x.y")]
    [InlineData("99999999999999999999.00000000")]
    public void A_position_that_is_none_is_the_beginning(string text) =>
        Assert.Equal(default, TailPosition.Parse(text));

    [Fact]
    public void A_position_reads_what_it_writes()
    {
        var position = new TailPosition(123456789012, 0xdeadbeef);
        Assert.Equal(position, TailPosition.Parse(position.ToString()));
    }
}
