using Evenkeel.Lab;
using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Xunit;

namespace Evenkeel.Tests.Lab.Claims;

public sealed class ClaimTests
{
    private static readonly double[] s_holds = [2, 2.1, 2.2], s_fails = [0, 0.1, 0.2], s_undecided = [0, 1, 2];

    [Fact]
    public void All_cases_hold() => Judged("holds", s_holds, s_holds);

    [Fact]
    public void Some_cases_hold_and_the_condition_names_them_or_the_others_where_those_are_fewer()
    {
        Judged("holds only for case 1", s_holds, s_fails);
        Judged("holds only for case 2", s_undecided, s_holds);
        Judged("holds only for case 1 and case 3", s_holds, s_undecided, s_holds, s_fails);
        Judged("holds, except for case 2", s_holds, s_undecided, s_holds);
        Judged("holds, except for case 2 and case 4", s_holds, s_undecided, s_holds, s_fails, s_holds);
        Judged("holds only for case 1, case 2 and case 3", s_holds, s_holds, s_holds, s_fails, s_fails, s_fails);
    }

    [Fact]
    public void No_case_holds_and_all_fail() => Judged("fails", s_fails, s_fails);

    [Fact]
    public void No_case_holds_and_one_might() => Judged("undecided", s_fails, s_undecided);

    [Fact]
    public void One_seed_decides_nothing() => Judged("undecided", [2.0]);

    [Fact]
    public void No_case_decides_nothing() => Judged("undecided");

    /// <summary>
    /// A quick run may say what is plain, and nothing where it leaves a case open: full runs often say otherwise there.
    /// </summary>
    [Fact]
    public void A_quick_run_that_leaves_a_case_open_gives_no_verdict()
    {
        Check("holds", s_holds, s_holds);
        Check("holds only for case 1", s_holds, s_fails);
        Check("fails", s_fails, s_fails);
        Check("needs the full run", s_holds, s_undecided);
        Check("needs the full run", s_undecided);

        static void Check(string expected, params double[][] cases)
        {
            var claim = new Made([.. cases.Select(static (values, i) => new Case($"case {i + 1}", values))]);
            var runs = new Dictionary<string, IReadOnlyList<IReadOnlyDictionary<string, double>>>
            {
                ["made"] = [new Dictionary<string, double>()],
            };
            Finding finding = claim.Judge(new Evidence(runs, new HashSet<string> { "made" }));
            Assert.Equal(expected, finding.VerdictText);
            Assert.Equal(cases.Length, finding.Cases.Count);
            // The same figures of a full run are judged as ever.
            Assert.False(claim.Judge(new Evidence(runs)).NeedsFullRun);
            Assert.False(claim.Judge(new Evidence(runs, new HashSet<string> { "other" })).NeedsFullRun);
        }
    }

    [Fact]
    public void A_case_may_have_a_bound_of_its_own_and_may_be_a_ratio()
    {
        Finding finding = new Made(new Case("other bound", s_fails, Bound: Bound.AtMost(0.5)),
            new Case("ratio", [1.5, 2, 2.67], IsRatio: true)).Judge(Evidence("made"));
        Assert.Equal("holds only for other bound", finding.VerdictText);
        Assert.Equal(Bound.AtMost(0.5), finding.Cases[0].Bound);
        Assert.Equal(2, finding.Cases[1].Interval.Mean, 0.01);
        Assert.Equal(Verdict.Undecided, finding.Cases[1].Verdict);
        Assert.Equal(3, finding.Seeds);
    }

    [Fact]
    public void Without_results_it_is_not_run_and_says_what_is_missing()
    {
        Finding finding = new Made(new Case("case", s_holds)).Judge(Evidence("other"));
        Assert.Equal("not run", finding.VerdictText);
        Assert.Equal(["made"], finding.Missing);
        Assert.Empty(finding.Cases);
        Assert.Equal(0, finding.Seeds);
    }

    [Fact]
    public void A_figure_that_is_not_there_is_an_error_that_names_it()
    {
        LabException error = Assert.Throws<LabException>(
            () => new C10WeightScale().Judge(Evidence("scale-invariance")));
        Assert.Contains(
            "C10 needs what the results of scale-invariance do not have", error.Message, StringComparison.Ordinal);
        Assert.Contains("eps1e-5.changeAt10", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_rule_is_complete_before_the_run()
    {
        Assert.Equal(
            "effect: the 95 % interval over the seeds lies at or above 1", new Made(new Case("case", s_holds)).Rule);
        Assert.All(ClaimCatalog.All, claim =>
        {
            Assert.Matches("^C[0-9]+$", claim.Id);
            Assert.NotEmpty(claim.Statement);
            Assert.Contains(claim.Bound.ToString(), claim.Rule, StringComparison.Ordinal);
            Assert.NotEmpty(claim.Experiments);
            Assert.All(claim.Experiments, name => Assert.NotNull(ExperimentCatalog.Find(name)));
            Assert.All(LessonName.Items(claim.Lesson), item => LessonName.Of(item));
        });
        Assert.Equal(ClaimCatalog.All.Count, ClaimCatalog.All.Select(claim => claim.Id).Distinct().Count());
    }

    private static void Judged(string verdict, params double[][] cases) => Assert.Equal(verdict, new Made(
        [.. cases.Select((values, i) => new Case($"case {i + 1}", values))]).Judge(Evidence("made")).VerdictText);

    private static Evidence Evidence(string experiment) =>
        MadeUp.Evidence((experiment, new Dictionary<string, double>()));

    private sealed class Made(params Case[] cases) : Claim
    {
        public override string Id => "C0";

        public override string Statement => "statement";

        public override string Lesson => "K1";

        public override string Words => "words";

        public override string Effect => "effect";

        public override Bound Bound => Bound.AtLeast(1);

        public override IReadOnlyList<string> Experiments => ["made"];

        public override string Practice => "practice";

        protected override IEnumerable<Case> Measure(Evidence evidence) => cases;

        protected override string? Remark(Evidence evidence) => null;
    }
}
