using System.Globalization;

namespace Evenkeel.MpiTarget;

/// <summary>What a test asks for: words as <c>parts=4</c>.</summary>
internal sealed class TargetOptions(string[] words)
{
    private readonly Dictionary<string, string> _values =
        words.Select(static word => word.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]);

    public int Parts => Number("parts", 1);

    public int Epochs => Number("epochs", 2);

    /// <summary>Which batch norm: batch, or sync.</summary>
    public string Norm => Text("norm", "batch");

    /// <summary>Whether all batch norms pool their statistics.</summary>
    public bool Pools => Number("pool", 1) != 0;

    /// <summary>Which optimizer: adam, or sgd with momentum and two groups.</summary>
    public string Optimizer => Text("optimizer", "adam");

    /// <summary>Whether gradients are clipped.</summary>
    public bool Clips => Number("clip", 1) != 0;

    /// <summary>Whether the processes share the state of the optimizer.</summary>
    public bool Shards => Number("shard", 0) != 0;

    /// <summary>Whether a doctor looks on, in the first process.</summary>
    public bool HasDoctor => Number("doctor", 0) != 0;

    /// <summary>The folder of the checkpoints; empty for none.</summary>
    public string Folder => Text("folder", "");

    public int EverySteps => Number("every", 1);

    public int DataSeed => Number("data", 1);

    /// <summary>The rank to which the next three apply.</summary>
    public int Rank => Number("rank", -1);

    /// <summary>The rank sees other data.</summary>
    public int OtherData => Number("other-data", 0);

    /// <summary>
    /// The rank has a gradient that is not finite in this step, which is skipped. A process that is alone has it too.
    /// </summary>
    public int SpoilAt => Number("spoil", -1);

    /// <summary>The rank throws in this step.</summary>
    public int ThrowAt => Number("throw", -1);

    /// <summary>The rank waits for ever in this step.</summary>
    public int StopAt => Number("stop", -1);

    /// <summary>Milliseconds that each step lasts longer.</summary>
    public int Pause => Number("pause", 0);

    public double Deadline => Number("deadline", 120);

    /// <summary>Whether gradients are clipped when speed is measured.</summary>
    public bool ClipsInSpeed => Number("clip", 0) != 0;

    public int Batch => Number("batch", 128);

    public int Steps => Number("steps", 20);

    private int Number(string name, int otherwise) =>
        _values.TryGetValue(name, out string? text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private string Text(string name, string otherwise) => _values.GetValueOrDefault(name, otherwise);
}
