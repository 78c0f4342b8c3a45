namespace Evenkeel.Examination;

/// <summary>
/// Tries the preparations that networks are trained with on the inputs, and looks which of them takes away the drift
/// of the first norm.
/// </summary>
/// <param name="Layer">The first norm.</param>
/// <param name="Before">Its drift with the inputs as they are: <see cref="MeasuredNorm.Drift"/>.</param>
/// <param name="Tried">How many preparations were tried; 0 if the drift is within what a healthy network has.</param>
internal sealed record PreprocessingSearch(string Layer, double Before, int Tried)
{
    /// <summary>From this drift of the first norm on it is looked for other preparations.</summary>
    public const double Suspicious = 0.25;

    /// <summary>Pictures of another kind than those of the training are not further off than this.</summary>
    private const double OtherPictures = 1;

    /// <summary>
    /// A preparation has to lower the drift of the first norm and of all norms by this factor at least, and gain this
    /// much of the score if it is not by the rule's own factor.
    /// </summary>
    private const double LeastFactor = 1.5, LargeGain = 0.05;

    /// <summary>The preparation that takes the drift away; null if none does.</summary>
    public Preparation? Best { get; private init; }

    /// <summary>The drift with <see cref="Best"/>.</summary>
    public double After { get; private init; }

    /// <summary>The score in use, and with <see cref="Best"/>; null without labels.</summary>
    public (SampleScores Before, SampleScores After)? Scores { get; private init; }

    /// <summary>Runs the search.</summary>
    public static PreprocessingSearch Run(DataExamination examination, double factor)
    {
        if (examination.Norms.Count == 0 || examination.Samples < DataExamination.FewSamples)
            return new PreprocessingSearch("", 0, 0);
        MeasuredNorm first = examination.Norms[0];
        double healthy = Suspicious + (2 * first.DriftError);
        var nothing = new PreprocessingSearch(first.Name, first.Drift, 0);
        Shape shape = examination.Data.Samples.SampleShape;
        if (!(first.Drift > healthy) || shape.Rank == 0) return nothing;

        const int many = 256, large = 64, valuesOfLarge = 20_000;
        int[] samples = examination.Order[
            ..Math.Min(examination.Samples, shape.Count > valuesOfLarge ? large : many)];
        DataPasses passes = examination.Passes;
        (double low, double high, double[] mean, double[] deviation) =
            Look(passes.Read(examination.Data.Samples, samples), shape[0]);
        List<Preparation> candidates = Preparations.For(shape, low, high, mean, deviation);
        var drifts = new double[candidates.Count];
        for (int i = 0; i < drifts.Length; i++)
        {
            drifts[i] = examination.MeasureNorms("other preparations", PassKind.Use, samples,
                candidates[i].Apply, firstOnly: true)[0].Drift;
        }

        nothing = nothing with { Tried = drifts.Length };
        if (drifts.Length == 0) return nothing;
        // The simplest of those that are as good as the best.
        double least = drifts.Min();
        int best = Array.FindIndex(drifts, drift => drift <= (1.1 * least) + first.DriftError);
        Preparation found = candidates[best];
        double ratio = first.Drift / drifts[best];
        // Pictures of another kind than those of the training stay off a little: then the rule's own factor decides.
        bool isHealthy = drifts[best] < healthy;
        double needed = isHealthy ? LeastFactor : factor;
        if (!(ratio > needed && (isHealthy || drifts[best] < OtherPictures))) return nothing;

        // What is right for the first norm is right for the others: start values, which some scale may fit, stay off.
        double all = Drift(examination.Norms)
            / Drift(examination.MeasureNorms("other preparation", PassKind.Use, samples, found.Apply));
        if (!(all > needed)) return nothing;
        if (examination.Scores is not { } old)
            return ratio > factor ? nothing with { Best = found, After = drifts[best] } : nothing;
        SampleScores now = passes.Scores("other preparation", PassKind.Use, examination.Data.Samples,
            examination.Order, examination.BatchSize, prepare: found.Apply);
        (double gain, double error) = now.Over(old);
        bool isFound = ratio > factor ? !now.IsLowerThan(old) : gain - (2 * error) > LargeGain;
        return isFound ? nothing with { Best = found, After = drifts[best], Scores = (old, now) } : nothing;
    }

    private static double Drift(IReadOnlyList<MeasuredNorm> norms) => norms.Average(static norm => norm.Drift);

    private static (double Low, double High, double[] Mean, double[] Deviation) Look(Tensor x, int channels)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        double[] sum = new double[channels], squares = new double[channels];
        int points = x.Count / (x.Shape[0] * channels);
        for (int i = 0; i < x.Count; i++)
        {
            double value = x.ValueAt(i);
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
            sum[i / points % channels] += value;
        }

        double count = (double)x.Shape[0] * points;
        double[] mean = [.. sum.Select(total => total / count)];
        for (int i = 0; i < x.Count; i++)
        {
            int c = i / points % channels;
            double d = x.ValueAt(i) - mean[c];
            squares[c] += d * d;
        }

        return (low, high, mean, [.. squares.Select(total => Math.Sqrt(total / count))]);
    }
}
