using Evenkeel.Fuzz;
using Xunit;

namespace Evenkeel.Tests.Serialization;

/// <summary>A few hundred damaged files of each format; <c>tests/Evenkeel.Fuzz</c> reads them by the hundred thousand.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const int Files = 1000;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Formats => [.. FuzzFormat.All.Select(static format => format.Name)];

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_damaged_file_is_read_or_refused_by_name_in_little_time_and_memory(string name)
    {
        FuzzFormat format = FuzzFormat.All.First(format => format.Name == name);
        foreach (byte[] valid in format.Valid)
        {
            string path = _folder.File("valid" + format.Ending);
            File.WriteAllBytes(path, valid);
            format.Read(path);
        }

        FuzzResult result = Fuzzer.Run(format, _folder.Path, Files, seed: 1);
        Assert.Empty(result.Failures);
        // If nearly all or nearly none is refused, the damage is not the right one.
        Assert.InRange(result.Read, 1, Files * 9 / 10);
    }

    [Fact]
    public void What_must_not_happen_is_found()
    {
        byte[] valid = new byte[1000];
        foreach ((string expected, Action<string> read) in new (string, Action<string>)[]
            {
                ("ArithmeticException", static path => throw new ArithmeticException(path)),
                ("does not name the file", static _ => throw new InvalidDataException("no")),
                ("allocated", static _ => GC.KeepAlive(new byte[16 << 20])),
            })
        {
            var format = new FuzzFormat("any", ".any", read, () => [valid]);
            FuzzResult result = Fuzzer.Run(format, _folder.Path, files: 3, seed: 1);
            Assert.Contains(result.Failures, failure => failure.Contains(expected, StringComparison.Ordinal));
        }
    }
}
