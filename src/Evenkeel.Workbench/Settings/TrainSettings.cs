namespace Evenkeel.Workbench.Settings;

/// <summary>
/// Everything that decides the result of a training: the same settings and the same data give the same bits. A setting
/// that is null has a default that depends on the data; <see cref="Runs.TrainDefaults"/> fills it in.
/// </summary>
/// <remarks><see cref="TrainSetting.All"/> names them for the command line and for <c>run.json</c>.</remarks>
internal sealed record TrainSettings
{
    /// <summary>A table, a folder of pictures, a list of pictures, or the name of a known data set.</summary>
    public string Data { get; init; } = "";

    /// <summary>Other data to validate on; null takes a part of <see cref="Data"/>.</summary>
    public string? ValidationData { get; init; }

    /// <summary>The share of the samples that validate; null is 0.2, for a known set 0.1.</summary>
    public double? Validation { get; init; }

    /// <summary>The share of the samples that neither train nor validate: they judge the result.</summary>
    public double Test { get; init; }

    /// <summary>
    /// How samples are dealt to the parts: <c>random</c> or <c>grouped</c>; null decides by the data.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>The columns to predict. Empty takes the last one.</summary>
    public IReadOnlyList<string> Target { get; init; } = [];

    /// <summary><c>classification</c> or <c>regression</c>; null looks at the target.</summary>
    public string? Task { get; init; }

    public IReadOnlyList<string> Drop { get; init; } = [];

    public IReadOnlyList<string> Categorical { get; init; } = [];

    public IReadOnlyList<string> Dates { get; init; } = [];

    public IReadOnlyList<string> Numeric { get; init; } = [];

    /// <summary>The classes in the order of their numbers. Empty takes those of the data.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    public int? MaxClasses { get; init; }

    public int? MaxCategories { get; init; }

    /// <summary>The cells that mean "no value". Empty takes the usual ones.</summary>
    public IReadOnlyList<string> MissingValues { get; init; } = [];

    /// <summary><c>impute</c>, <c>drop-row</c> or <c>refuse</c>.</summary>
    public string Missing { get; init; } = "impute";

    public string? Separator { get; init; }

    public bool? Header { get; init; }

    public bool? DecimalComma { get; init; }

    /// <summary>Height and width of the pictures; null takes their own, if it is the same for all.</summary>
    public (int Height, int Width)? Size { get; init; }

    public bool SkipBad { get; init; }

    /// <summary><c>none</c> or <c>standard</c>.</summary>
    public string? Augment { get; init; }

    public string? Model { get; init; }

    public string? Norm { get; init; }

    public double Dropout { get; init; }

    public int? Epochs { get; init; }

    public int? BatchSize { get; init; }

    public string? Optimizer { get; init; }

    public double? LearningRate { get; init; }

    public double? Momentum { get; init; }

    public double? WeightDecay { get; init; }

    public string? Schedule { get; init; }

    /// <summary>Epochs in which the learning rate rises from near 0.</summary>
    public double Warmup { get; init; }

    /// <summary>The largest norm of the gradient; null does not clip.</summary>
    public double? Clip { get; init; }

    public double LabelSmoothing { get; init; }

    /// <summary><c>none</c> or <c>balanced</c>.</summary>
    public string ClassWeights { get; init; } = "none";

    /// <summary>Epochs without a better score after which the training stops; 0 never stops it.</summary>
    public int Patience { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Into how many parts a batch is cut, whoever computes them.</summary>
    public int? Parts { get; init; }

    /// <summary><c>pooled</c> or <c>local</c>: over which samples batch norms take their statistics.</summary>
    public string BatchStatistics { get; init; } = "pooled";
}
