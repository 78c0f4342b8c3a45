using System.Globalization;
using System.Text;
using Evenkeel.Examination;
using Evenkeel.Web;

namespace Evenkeel.Workbench.Diagnoses;

/// <summary>
/// Draws layers as small pictures on axes that are the same for all: how the channels spread, and where those are that
/// a finding names.
/// </summary>
internal sealed class NormDrawing
{
    private const int Bins = 48;
    private const double Width = 192, Height = 34, Foot = 9, BarWidth = Width / Bins - 0.5;

    /// <summary>
    /// beta/|gamma| below which a channel behind ReLU is active for less than one value in a thousand, if its inputs
    /// are normal: the quantile of the normal distribution at 0.001.
    /// </summary>
    private const double Dead = -3.0902;

    private readonly HtmlWriter _html;
    private readonly IReadOnlyDictionary<string, IReadOnlyList<double>> _drift;
    private readonly CommonAxis _gamma, _beta, _mean, _variance, _filter, _shift;

    public NormDrawing(HtmlWriter html, Diagnosis diagnosis)
    {
        (_html, _drift) = (html, diagnosis.Drift);
        ExaminedNetwork network = diagnosis.Network;
        ExaminedNorm[] norms = [.. network.Norms];
        _gamma = CommonAxis.Logarithmic(norms.SelectMany(static norm => Sizes(norm.Gamma)));
        _beta = CommonAxis.Symmetric(norms.SelectMany(static norm => norm.Beta ?? []));
        _mean = CommonAxis.Symmetric(norms.SelectMany(static norm => Means(norm) ?? []));
        _variance = CommonAxis.Logarithmic(norms.SelectMany(static norm => norm.Variance ?? []));
        _shift = CommonAxis.Symmetric(_drift.Values.SelectMany(static values => values));
        _filter = CommonAxis.Logarithmic(network.Linears.SelectMany(static linear => linear.FilterNorms));
    }

    /// <summary>The pictures of a norm.</summary>
    /// <param name="norm">The norm.</param>
    /// <param name="marks">The channels that findings name, with the level of the worst of them.</param>
    public void Write(ExaminedNorm norm, IReadOnlyDictionary<int, FindingLevel> marks)
    {
        using (_html.Open("div", ("class", "pictures")))
        {
            if (norm.Gamma is { } gamma) Spread("|γ|", [.. Sizes(gamma)], _gamma, marks);
            if (norm.Mean is null && norm.Beta is { } beta) Spread("β", beta, _beta, marks);
            if (Means(norm) is { } means) Spread("mean/sd", means, _mean, marks);
            if (norm.Variance is { } variance) Spread("variance", variance, _variance, marks, line: norm.Eps);
            if (_drift.TryGetValue(norm.Name, out IReadOnlyList<double>? shift))
                Spread("drift/sd", [.. shift], _shift, marks);
            if (norm.Activation == FollowingActivation.ReLU && DeadOf(norm) is { } dead) Share(dead, norm.Channels);
        }
    }

    /// <summary>The picture of the filters of a layer.</summary>
    /// <param name="linear">The layer.</param>
    /// <param name="marks">The filters that findings name, with the level of the worst of them.</param>
    public void Write(ExaminedLinear linear, IReadOnlyDictionary<int, FindingLevel> marks)
    {
        if (linear.FilterNorms.Length == 0) return;
        using (_html.Open("div", ("class", "pictures")))
            Spread("|w|", linear.FilterNorms, _filter, marks);
    }

    /// <summary>The channels that are constant behind ReLU if their inputs are normal; null without gamma and beta.
    /// </summary>
    private static int? DeadOf(ExaminedNorm norm) =>
        norm.Gamma is { } gamma && norm.Beta is { } beta && gamma.Length == beta.Length
            ? gamma.Zip(beta).Count(static pair => pair.Second < Dead * Math.Abs(pair.First))
            : null;

    private static IEnumerable<double> Sizes(double[]? values) => (values ?? []).Select(Math.Abs);

    private static double[]? Means(ExaminedNorm norm) =>
        norm.Mean is { } mean && norm.Variance is { } variance && mean.Length == variance.Length
            ? [.. mean.Zip(variance, (m, v) => m / Math.Sqrt(Math.Max(v, 0) + norm.Eps))]
            : null;

    private void Spread(string name, double[] values, CommonAxis scale, IReadOnlyDictionary<int, FindingLevel> marks,
        double? line = null)
    {
        double[] finite = [.. values.Where(double.IsFinite)];
        string range = finite.Length == 0 ? "not finite"
            : finite.Min() == finite.Max() ? Number(finite[0])
            : $"{Number(finite.Min())} … {Number(finite.Max())}";
        if (finite.Length > 0 && finite.Length < values.Length)
            range += $", {values.Length - finite.Length} not finite";
        using (_html.Open("figure", ("class", "spread")))
        {
            using (_html.Open("figcaption"))
            {
                _html.Element("span", name);
                _html.Element("b", range);
            }

            using (_html.Open("svg", ("viewBox", $"0 0 {Text(Width)} {Text(Height + Foot)}"), ("role", "img"),
                ("aria-label", $"{name} of {values.Length} channels: {range}")))
            {
                foreach ((double place, double value) in scale.Ticks)
                    Line(value == 0 ? "zero" : "grid", place);
                if (line is { } at && scale.Place(at) is { } eps and > 0 and < 1) Line("eps", eps);
                _html.Element("path", "", ("class", "base"), ("d", $"M0 {Text(Height)}H{Text(Width)}"));
                _html.Element("path", "", ("class", "bars"), ("d", Bars(values, scale)));
                // The worst last, so that it lies on top.
                foreach ((int channel, FindingLevel level) in marks.OrderBy(static mark => mark.Value))
                {
                    double? place = channel < values.Length ? scale.Place(values[channel]) : null;
                    if (place is not { } x) continue;
                    string tip = Text(Width * x), left = Text(Width * x - 4.5), right = Text(Width * x + 4.5);
                    _html.Element("path", "", ("class", $"mark is-{UserText.Of(level)}"),
                        ("d", $"M{tip} {Text(Height + 1)}L{right} {Text(Height + Foot)}H{left}Z"));
                }
            }
        }
    }

    private static string Bars(double[] values, CommonAxis scale)
    {
        int[] counts = new int[Bins];
        foreach (double value in values)
        {
            if (scale.Place(value) is { } place) counts[Math.Min(Bins - 1, (int)(place * Bins))]++;
        }

        int most = Math.Max(1, counts.Max());
        var path = new StringBuilder();
        for (int bin = 0; bin < Bins; bin++)
        {
            if (counts[bin] == 0) continue;
            // The root of the count: a channel alone among hundreds can be seen.
            double height = Math.Max(2, Height * Math.Sqrt((double)counts[bin] / most));
            path.Append(CultureInfo.InvariantCulture,
                $"M{Text(Width * bin / Bins)} {Text(Height)}v-{Text(height)}h{Text(BarWidth)}v{Text(height)}z");
        }

        return path.ToString();
    }

    private void Share(int dead, int channels)
    {
        string count = dead == 0 ? "none" : $"{dead} of {channels}";
        using (_html.Open("figure", ("class", "share")))
        {
            using (_html.Open("figcaption"))
            {
                _html.Element("span", "dead");
                _html.Element("b", count);
            }

            using (_html.Open("svg", ("viewBox", $"0 0 {Text(Width)} {Text(Foot)}"), ("preserveAspectRatio", "none"),
                ("role", "img"), ("aria-label", $"dead: {count}")))
            {
                Box("rest", Width);
                if (dead > 0) Box("part", Math.Max(2, Width * dead / channels));
            }
        }

        void Box(string name, double width) => _html.Element("rect", "", ("class", name), ("width", Text(width)),
            ("height", Text(Foot)), ("rx", "2"));
    }

    private void Line(string name, double place) => _html.Element(
        "path", "", ("class", name), ("d", $"M{Text(Width * place)} 0V{Text(Height)}"));

    /// <summary>Three digits; a power of ten without zeros before it.</summary>
    private static string Number(double value)
    {
        string text = value.ToString("G3", CultureInfo.InvariantCulture);
        int at = text.IndexOf('E', StringComparison.Ordinal);
        return at < 0 ? text : $"{text[..at]}e{int.Parse(text.AsSpan(at + 1), CultureInfo.InvariantCulture)}";
    }

    private static string Text(double value) => Math.Round(value, 2).ToString(CultureInfo.InvariantCulture);
}
