using System.Text;
using Evenkeel.Cli.Commands;
using Evenkeel.Cli.Terminal;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Evenkeel.Lab.Reports;
using Xunit;

namespace Evenkeel.Tests.Lab;

/// <summary>
/// What the terminal shows, at 60, 80 and 100 columns, plain and with signs, and once in colour: compared with the
/// texts in <c>Snapshots/</c>.
/// <c>EVENKEEL_SNAPSHOTS=write</c> writes them anew; then look at what has changed.
/// </summary>
public sealed class SnapshotTests
{
    private const string Variable = "EVENKEEL_SNAPSHOTS";

    private static readonly ExperimentSettings s_settings = new(1, 2, DType.Float32, null, Quick: false);

    /// <summary>One claim of each verdict, and one that was not run.</summary>
    private static readonly Finding[] s_findings =
    [
        Finding("C1", "Batch norm permits a larger learning rate",
            Bound.AtLeast(2), new Case("lesson's net", [16, 16, 32, 16, 8], IsRatio: true)),
        Finding(
            "C2",
            "With batch norm, weights need no careful initialization: "
            + "none of the scales from 1e-4 to 1 keeps the net from training",
            Bound.AtLeast(0), new Case("a scale of 0.1 and less", [0.1, 0.12, 0.14, 0.09, 0.11]),
            new Case("a scale above 0.1", [0.4, 0.2, -0.3, -0.1, 0]),
            new Case("any scale, with dropout", [0.2, 0.3, 0.25, 0.2, 0.2])),
        Finding(
            "C3", "A statement that fails", Bound.Below(1e-5), new Case("only case", [0.25, 0.26, 0.24, 0.25, 0.25])),
        Finding("C14", "A statement that five seeds do not decide, for their interval crosses the bound",
            Bound.AtMost(-0.05), new Case("only case", [-0.41, -0.123456789, 0.31, 0.02, -1e-7])),
        Finding("C25", "A statement with one seed", Bound.Between(1, 2), new Case("only case", [1.5])),
        new Made("C27", "A statement that was not run", Bound.AtLeast(0), []).Judge(Claims.MadeUp.Evidence()),
    ];

    [Fact]
    public void List() => Compare("list", static (output, ink) => ListCommand.Print(
        output, ink,
        ((string[])["init-depth", "fashion-lenet", "scale-invariance", "batchnorm-backward-speed"]).Select(
            static name => ExperimentCatalog.Find(name)!),
        s_findings.Select(static finding => finding.Claim)));

    [Fact]
    public void Claims_not_run() => Compare("claims-not-run", static (output, ink) => ClaimsCommand.Print(
        output, ink, [.. s_findings.Select(static finding => finding.Claim.Judge(Claims.MadeUp.Evidence()))],
        "out holds no results."));

    [Fact]
    public void Claims_of_a_folder() => Compare("claims", static (output, ink) => ClaimsCommand.Print(
        output, ink, s_findings, "Judged by the results of 7 of 23 experiments in out."));

    [Fact]
    public void Claim_explained() => Compare("claims-C10", static (output, ink) =>
    {
        ResultRecord record = Stored();
        new ClaimPrinter(
            output, ink).Explain(ClaimCatalog.Find("C10")!.Judge(ResultFolder.EvidenceOf([record])), [record]);
    });

    [Fact]
    public void Claims_explained_in_every_verdict() => Compare("claims-explained", static (output, ink) =>
    {
        foreach (Finding finding in s_findings) new ClaimPrinter(output, ink).Explain(finding, []);
    });

    [Fact]
    public void Reproduce() => Compare("reproduce", static (output, ink) =>
    {
        ResultRecord record = Stored();
        var printer = new ReproducePrinter(output, ink);
        printer.PrintHead();
        printer.Print(record, 3.21);
        printer.Print(record, 754);
        printer.Print(record with { Replicates = [] }, null);
        printer.PrintFailed(record.Experiment);
        printer.PrintVerdicts(s_findings, [record]);
        printer.PrintPage("out/index.html");
    });

    private static void Compare(string name, Action<TextWriter, Ink> print)
    {
        var text = new StringBuilder();
        foreach (int width in (int[])[60, 80, 100])
        {
            foreach (bool signs in (bool[])[false, true])
                Add($"{width} columns, {(signs ? "signs" : "plain")}", Ink.Of(width, signs));
        }

        Add("80 columns, signs, colours", Ink.Of(80, signs: true, colour: true));
        string path = Path.Combine(Root(), "tests", "Evenkeel.Tests", "Lab", "Snapshots", $"{name}.txt");
        if (Environment.GetEnvironmentVariable(Variable) == "write")
        {
            File.WriteAllText(path, text.ToString());
            return;
        }

        Assert.True(File.Exists(path), $"no {path}: {Variable}=write makes it");
        string[] expected = File.ReadAllText(path).ReplaceLineEndings("\n").Split('\n'),
            actual = text.ToString().Split('\n');
        for (int i = 0; i < Math.Max(expected.Length, actual.Length); i++)
        {
            string was = i < expected.Length ? expected[i] : "(end)", now = i < actual.Length ? actual[i] : "(end)";
            Assert.True(was == now, $"Snapshots/{name}.txt, line {i + 1}:\n  expected {was}\n  printed  {now}\n"
                + $"If that is meant, {Variable}=write writes the file anew.");
        }

        void Add(string heading, Ink ink)
        {
            using var output = new StringWriter { NewLine = "\n" };
            print(output, ink);
            Assert.All(output.ToString().Split('\n'), line =>
            {
                Assert.True(TextTable.Width(line) <= ink.Width, $"{heading}: {line}");
                Assert.Equal(line.TrimEnd(), line);
            });
            // Escape codes are shown, so that the file is text.
            text.Append($"==== {heading} ====\n").Append(output.ToString().Replace('\e', '␛')).Append('\n');
        }
    }

    /// <summary>
    /// A result with made-up figures: the snapshot must not change with the last digit of a training.
    /// </summary>
    private static ResultRecord Stored()
    {
        var result = new ExperimentResult { WeightsHash = "00" };
        foreach ((string name, double value) in Figures(1)) result.Figures[name] = value;
        result.Checks.Add(Check.Judge("K9", "statement", "rule", "measured", holds: true));
        result.Checks.Add(Check.Judge("K9", "statement", "rule", "measured", holds: false));
        return new ResultRecord(
            ExperimentCatalog.Find("scale-invariance")!, s_settings, ResultEnvironment.Current, null, 1.5, result,
            [.. Enumerable.Range(2, 4).Select(static seed => new Replicate(seed, 0.5, Figures(seed), null))]);
    }

    private static Dictionary<string, double> Figures(int seed)
    {
        var figures = new Dictionary<string, double>();
        foreach ((string scale, double change) in ((string, double)[])[
            ("1000", 2e-5), ("100", 2.5e-5), ("10", 2.4e-5), ("0.1", 2.6e-3), ("0.01", 0.24), ("0.001", 2.3)])
        {
            double measured = change * (1 + (0.05 * ((seed * 3 % 5) - 2)));
            figures[$"eps1e-5.changeAt{scale}"] = measured;
            figures[$"eps1e-5.theoryAt{scale}"] = measured - (1e-7 * seed);
        }

        return figures;
    }

    private static Finding Finding(string id, string statement, Bound bound, params Case[] cases) =>
        new Made(id, statement, bound, cases).Judge(Claims.MadeUp.Evidence(("scale-invariance", [])));

    private static string Root()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "Evenkeel.slnx")))
            root = Path.GetDirectoryName(root);
        Assert.SkipWhen(root is null, "the tests run outside the repository");
        return root!;
    }

    private sealed class Made(string id, string statement, Bound bound, Case[] cases) : Claim
    {
        public override string Id => id;

        public override string Statement => statement;

        public override string Lesson => "A2, K9";

        public override string Words =>
            "What the lesson says, in so many words that they do not fit into one line of eighty columns.";

        public override string Effect => "accuracy, with less without";

        public override Bound Bound => bound;

        public override IReadOnlyList<string> Experiments => ["scale-invariance"];

        public override string Practice =>
            "What follows for whoever trains a network, and that is not always short either, as this shows.";

        protected override string? Cases => cases.Length > 1 ? "at several scales" : null;

        protected override IEnumerable<Case> Measure(Evidence evidence) => cases;

        protected override string? Remark(Evidence evidence) =>
            cases.Length > 1 ? "Something else that the figures say." : null;
    }
}
