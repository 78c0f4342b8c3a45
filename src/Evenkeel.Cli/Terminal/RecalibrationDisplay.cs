using System.Globalization;
using Evenkeel.Surgery;

namespace Evenkeel.Cli.Terminal;

/// <summary>Which pass over the data a recalibration is in, on standard error.</summary>
internal sealed class RecalibrationDisplay : IProgress<RecalibrationProgress>
{
    private readonly ChangingLine _line = new();

    public void Report(RecalibrationProgress value)
    {
        bool done = value.Pass == value.Passes && value.Samples == value.TotalSamples;
        if (_line.IsDue(done)) _line.Show(Text(value));
        if (done) _line.End();
    }

    /// <summary>Leaves the changing line.</summary>
    public void End() => _line.End();

    /// <summary>For example <c>pass 3 of 20: 512 of 10,000 samples</c>.</summary>
    internal static string Text(RecalibrationProgress value) => string.Create(CultureInfo.InvariantCulture,
        $"pass {value.Pass} of {value.Passes}: {value.Samples:N0} of {value.TotalSamples:N0} samples");
}
