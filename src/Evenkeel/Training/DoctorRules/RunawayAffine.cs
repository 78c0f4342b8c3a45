using Evenkeel.Examination;

namespace Evenkeel.Training;

/// <summary>
/// The root mean square of gamma against its start, and of beta against gamma, for each norm. Source:
/// maskrcnn-benchmark#267 (no decay on beta: "larger and larger").
/// </summary>
internal sealed class RunawayAffine : TrainingRule
{
    private const int Looks = 3;

    public override string Id => "EK309";

    public override string Title => "gamma or beta runs away";

    public override double Bound => 10;

    public override void OnStep(TrainingView training, FindingSink findings)
    {
        double[] starts = training.Memory("start", training.Norms.Count);
        double[] counts = training.Memory("looks", training.Norms.Count);
        for (int i = 0; i < starts.Length; i++)
        {
            TrainedNorm norm = training.Norms[i];
            double gamma = Rms(norm.Gamma), beta = Rms(norm.Beta);
            if (norm.Gamma is null) gamma = 1;
            if (starts[i] == 0) starts[i] = Math.Max(gamma, 1e-3);
            double growth = gamma / starts[i], offset = beta / Math.Max(gamma, 1e-3 * starts[i]);
            double measured = Math.Max(growth, offset);
            // A gamma that begins at 0 (zero-init) has a ratio only once it is open.
            bool isOpen = gamma > 0.01;
            if (!TrainingRules.HasHeld(ref counts[i], isOpen && measured > findings.Bound, Looks)) continue;
            findings.Add(FindingLevel.Note, norm.Name, [], measured,
                growth >= offset
                    ? $"gamma of {norm.Name} has grown {growth:G3} times since the start: the layer behind it gets "
                    + "ever larger inputs."
                    : $"beta of {norm.Name} is {offset:G3} times its gamma: the output is nearly a constant, and what "
                    + "the layer has normalized hardly counts.",
                "Lower the learning rate of gamma and beta (a ParameterGroup of their own), or give them a small "
                + "weight decay.");
        }
    }

    private static double Rms(Parameter? parameter)
    {
        if (parameter is null || parameter.Count == 0) return 0;
        double squares = 0;
        if (parameter.DType == DType.Float64)
        {
            foreach (double value in parameter.Value.AsSpan<double>()) squares += value * value;
        }
        else
        {
            foreach (float value in parameter.Value.AsSpan<float>()) squares += (double)value * value;
        }

        return Math.Sqrt(squares / parameter.Count);
    }
}
