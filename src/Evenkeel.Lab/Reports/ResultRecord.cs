using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Evenkeel.Lab.Experiments;

namespace Evenkeel.Lab.Reports;

/// <summary>Where a result came from: enough to tell whether two may be compared.</summary>
/// <param name="Version">Version of the lab.</param>
/// <param name="Build">Identity of the compiled code: it changes with any line of it.</param>
/// <param name="Runtime">.NET.</param>
/// <param name="System">Operating system and architecture.</param>
/// <param name="Processors">Logical processors.</param>
/// <param name="Instructions">The widest vectors in use.</param>
internal sealed record ResultEnvironment(string Version, string Build, string Runtime, string System, int Processors,
    string Instructions)
{
    public static string VersionText { get; } =
        typeof(Experiment).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "0";

    private static readonly Lazy<ResultEnvironment> s_current = new(() => new ResultEnvironment(
        VersionText,
        $"{typeof(Tensor).Module.ModuleVersionId:N}{typeof(Experiment).Module.ModuleVersionId:N}",
        RuntimeInformation.FrameworkDescription,
        $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
        Environment.ProcessorCount,
        Vector512.IsHardwareAccelerated ? "AVX-512" : Avx2.IsSupported ? "AVX2" : Sse41.IsSupported ? "SSE"
            : AdvSimd.IsSupported ? "AdvSimd" : "none"));

    public static ResultEnvironment Current => s_current.Value;
}

/// <summary>The same experiment with another seed: what claims over several seeds are judged by.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Seconds">What it took, beside others.</param>
/// <param name="Figures">Its headline numbers.</param>
/// <param name="WeightsHash">SHA-256 of what it trained.</param>
internal sealed record Replicate(long Seed, double Seconds, IReadOnlyDictionary<string, double> Figures,
    string? WeightsHash);

/// <summary>A finished experiment, as it is stored in <c>OUT/NAME.json</c>.</summary>
/// <param name="Experiment">What was run.</param>
/// <param name="Settings">How.</param>
/// <param name="Environment">Where.</param>
/// <param name="Data">On which images; null if none were used.</param>
/// <param name="Seconds">Training and evaluation, without loading.</param>
/// <param name="Result">What was found.</param>
/// <param name="Replicates">Further seeds, in order; none where no claim asks for them.</param>
internal sealed record ResultRecord(
    Experiment Experiment, ExperimentSettings Settings, ResultEnvironment Environment, DataIdentity? Data,
        double Seconds, ExperimentResult Result, IReadOnlyList<Replicate> Replicates)
{
    /// <summary>The figures of every seed, this run's first.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, double>> AllFigures =>
        [Result.Figures, .. Replicates.Select(static replicate => replicate.Figures)];

    /// <summary>Every seed, this run's first.</summary>
    public IReadOnlyList<long> Seeds => [Settings.Seed, .. Replicates.Select(static replicate => replicate.Seed)];
}
