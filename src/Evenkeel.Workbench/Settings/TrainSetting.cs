using System.Globalization;
using System.Text.Json.Nodes;

namespace Evenkeel.Workbench.Settings;

/// <summary>
/// A setting by name: the option <c>--NAME</c> of the command, and a property of the settings in <c>run.json</c>.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="ValueName">What stands for the value in the help. Null: the option takes no value.</param>
/// <param name="Description">What it does, and its default.</param>
/// <param name="Set">The settings with a value read from a text.</param>
/// <param name="Get">The value as text; null if there is none.</param>
internal sealed record TrainSetting(
    string Name, string? ValueName, string Description, Func<TrainSettings, string, TrainSettings> Set,
    Func<TrainSettings, string?> Get)
{
    private static readonly string[] s_kinds = ["table", "pictures"];
    private static readonly string[] s_optimizers = ["adam", "adamw", "sgd", "nadam", "radam", "rmsprop", "adagrad"];
    private static readonly string[] s_schedules = ["constant", "cosine", "step", "onecycle", "plateau"];

    /// <summary>Whether the option may be given several times: a list.</summary>
    public bool IsList { get; private init; }

    /// <summary>For which data it is: <c>table</c> or <c>pictures</c>; null for all. The help says it first.</summary>
    public string? Only { get; } =
        s_kinds.FirstOrDefault(kind => Description.StartsWith(kind + ":", StringComparison.Ordinal));

    /// <summary>All settings, in the order of the help.</summary>
    public static IReadOnlyList<TrainSetting> All { get; } =
    [
        Text("data", "DATA", "a CSV or TSV file, a folder of pictures (a folder per class), a CSV of files and labels, "
            + "or cifar-10 or fashion-mnist",
            static (s, v) => s with { Data = v }, static s => s.Data),
        Text("validation-data", "DATA", "other data to validate on (default: a part of --data)",
            static (s, v) => s with { ValidationData = v }, static s => s.ValidationData),
        Number("validation", 0, 0.9, "share of the samples that validate (default: 0.2; a known set: 0.1)",
            static (s, v) => s with { Validation = v }, static s => s.Validation),
        Number("test", 0, 0.9, "share of the samples that only judge the result (default: 0; a known set has its own)",
            static (s, v) => s with { Test = v }, static s => s.Test),
        Choice("split", ["random", "grouped"], "pictures: how they are dealt to the parts; grouped keeps "
            + "near-duplicates together (default: grouped if there are some, up to 5,000 pictures)",
            static (s, v) => s with { Split = v }, static s => s.Split),
        List("target", "COLUMN", "table: the column to predict (default: the last one); several for regression",
            static (s, v) => s with { Target = v }, static s => s.Target),
        Choice("task", ["classification", "regression"], "table: what to predict (default: found by looking)",
            static (s, v) => s with { Task = v }, static s => s.Task),
        List("drop", "COLUMN", "table: columns to leave out",
            static (s, v) => s with { Drop = v }, static s => s.Drop),
        List("categorical", "COLUMN", "table: columns whose values are names, even if they look like numbers",
            static (s, v) => s with { Categorical = v }, static s => s.Categorical),
        List("dates", "COLUMN", "table: columns that hold dates",
            static (s, v) => s with { Dates = v }, static s => s.Dates),
        List("numeric", "COLUMN", "table: columns of numbers, even if they look like identifiers",
            static (s, v) => s with { Numeric = v }, static s => s.Numeric),
        List("class-names", "NAME", "table: the classes in the order of their numbers (default: those of the data)",
            static (s, v) => s with { ClassNames = v }, static s => s.ClassNames),
        Whole("max-classes", 2, 1_000_000, "table: most classes of a target (default: found by looking)",
            static (s, v) => s with { MaxClasses = (int)v }, static s => s.MaxClasses),
        Whole("max-categories", 1, 1_000_000, "table: most values of a category (default: 100)",
            static (s, v) => s with { MaxCategories = (int)v }, static s => s.MaxCategories),
        List("missing-values", "TEXT", "table: the cells that mean no value (default: empty, ?, NA, NaN, null, ...)",
            static (s, v) => s with { MissingValues = v }, static s => s.MissingValues),
        Choice("missing", ["impute", "drop-row", "refuse"], "table: what to do with missing values: fill in the "
            + "median, leave the row out, or stop (default: impute)",
            static (s, v) => s with { Missing = v }, static s => s.Missing),
        Text("separator", "CHAR", "table: what separates the fields, or tab (default: found by looking)",
            static (s, v) => s with { Separator = OneCharacter(v) }, static s => s.Separator),
        Choice("header", ["yes", "no"], "table: whether the first line names the columns (default: found by looking)",
            static (s, v) => s with { Header = v == "yes" }, static s => YesNo(s.Header)),
        Choice("decimal-comma", ["yes", "no"], "table: whether numbers have a comma (default: found by looking)",
            static (s, v) => s with { DecimalComma = v == "yes" }, static s => YesNo(s.DecimalComma)),
        Text("size", "HxW", "pictures: scale to this size (default: their own if all are alike, else 64x64)",
            static (s, v) => s with { Size = SizeOf(v) },
            static s => s.Size is { } size ? $"{size.Height}x{size.Width}" : null),
        Flag("skip-bad", "pictures: skip and count those that cannot be decoded",
            static (s, v) => s with { SkipBad = v }, static s => s.SkipBad),
        Choice("augment", ["none", "standard"], "pictures: standard shifts by up to an eighth and mirrors "
            + "(default: none)",
            static (s, v) => s with { Augment = v }, static s => s.Augment),
        Text("model", "MODEL", "mlp:256,128, lenet, resnet20, 32, 44 or 56, resnet18, or a .json file of layers "
            + "(default: by the data)",
            static (s, v) => s with { Model = v }, static s => s.Model),
        Text("norm", "NORM", "batch, layer, group:8, instance, rms or none (default: batch; a file of layers: its own)",
            static (s, v) => s with { Norm = v }, static s => s.Norm),
        Number("dropout", 0, 0.99, "share of activations that are dropped in training (default: 0)",
            static (s, v) => s with { Dropout = v }, static s => s.Dropout),
        Whole("epochs", 1, 1_000_000, "passes through the training samples (default: by the data)",
            static (s, v) => s with { Epochs = (int)v }, static s => s.Epochs),
        Whole("batch-size", 1, 1_000_000, "samples per step (default: by the data)",
            static (s, v) => s with { BatchSize = (int)v }, static s => s.BatchSize),
        Choice("optimizer", s_optimizers, "how weights are changed (default: adam; resnets: sgd)",
            static (s, v) => s with { Optimizer = v }, static s => s.Optimizer),
        Number("lr", 1e-12, 1e6, "learning rate (default: 0.001; sgd: 0.1; nadam: 0.002; rmsprop and adagrad: 0.01)",
            static (s, v) => s with { LearningRate = v }, static s => s.LearningRate),
        Number("momentum", 0, 0.9999, "momentum of sgd and rmsprop (default: 0.9 for sgd)",
            static (s, v) => s with { Momentum = v }, static s => s.Momentum),
        Number("weight-decay", 0, 1e6, "weight decay, on weights only (default: 0; resnets: 0.0005; adamw: 0.01)",
            static (s, v) => s with { WeightDecay = v }, static s => s.WeightDecay),
        Choice("schedule", s_schedules, "how the learning rate changes (default: cosine)",
            static (s, v) => s with { Schedule = v }, static s => s.Schedule),
        Number("warmup", 0, 1e6, "epochs in which the learning rate rises from near 0; with cosine (default: 0)",
            static (s, v) => s with { Warmup = v }, static s => s.Warmup),
        Number("clip", 1e-12, 1e9, "largest norm of the gradient (default: no limit)",
            static (s, v) => s with { Clip = v }, static s => s.Clip),
        Number("label-smoothing", 0, 0.99, "share of the target that is spread over all classes (default: 0)",
            static (s, v) => s with { LabelSmoothing = v }, static s => s.LabelSmoothing),
        Choice("class-weights", ["none", "balanced"], "balanced gives rare classes the weight of frequent ones "
            + "(default: none)",
            static (s, v) => s with { ClassWeights = v }, static s => s.ClassWeights),
        Whole("patience", 0, 1_000_000, "stop after this many epochs without a better score; 0 never (default: 0)",
            static (s, v) => s with { Patience = (int)v }, static s => s.Patience),
        Whole("parts", 1, 1024, "parts of a batch: processes share them, and their number alone decides the bits "
            + "(default: the number of processes, 1 without mpirun)",
            static (s, v) => s with { Parts = (int)v }, static s => s.Parts),
        Choice("batch-statistics", ["pooled", "local"], "over which samples batch norms take their statistics: the "
            + "whole batch, or each part (default: pooled)",
            static (s, v) => s with { BatchStatistics = v }, static s => s.BatchStatistics),
        Whole("seed", 0, uint.MaxValue, "seed of all random numbers (default: 0)",
            static (s, v) => s with { Seed = (ulong)v }, static s => (long)s.Seed),
    ];

    /// <summary>The setting of a name; null if there is none.</summary>
    public static TrainSetting? Find(string name) => All.FirstOrDefault(setting => setting.Name == name);

    /// <summary>The settings as the properties of an object: numbers, texts, lists.</summary>
    public static JsonObject ToJson(TrainSettings settings)
    {
        var json = new JsonObject();
        foreach (TrainSetting setting in All)
        {
            if (setting.Get(settings) is not { } text) continue;
            json[setting.Name] = setting.IsList ? new JsonArray([.. Items(text).Select(ToNode)])
                : ToNode(text);
        }

        return json;
    }

    /// <summary>Settings from the properties of an object.</summary>
    /// <exception cref="WorkbenchException">A property is unknown or has a value that it cannot have.</exception>
    public static TrainSettings FromJson(JsonObject json)
    {
        var settings = new TrainSettings();
        foreach ((string name, JsonNode? value) in json)
        {
            TrainSetting setting = Find(name) ?? throw new WorkbenchException(
                $"run.json: expected settings that this version knows, got \"{name}\". The run is of another version "
                + "of evenkeel; go on with that one.");
            string text = value is JsonArray list ? string.Join(ListSeparator, list.Select(TextOf)) : TextOf(value);
            settings = setting.Set(settings, text);
        }

        return settings;
    }

    /// <summary>What separates the items of a list in a text: no name of a column holds it.</summary>
    public const char ListSeparator = '\u001F';

    private static string[] Items(string text) => text.Length == 0 ? [] : text.Split(ListSeparator);

    private static JsonNode ToNode(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && double.IsFinite(number) && number.ToString("R", CultureInfo.InvariantCulture) == text
            ? JsonValue.Create(number)
            : JsonValue.Create(text);

    private static string TextOf(JsonNode? node) => node?.ToString() ?? "";

    private static string? YesNo(bool? value) => value is { } given ? given ? "yes" : "no" : null;

    private static TrainSetting Text(
        string name, string value, string description, Func<TrainSettings, string, TrainSettings> set,
        Func<TrainSettings, string?> get) =>
        new(name, value, description,
            (settings, text) => set(settings, text.Length > 0 ? text : throw Refuse(name, "a value", "an empty text")),
            get);

    private static TrainSetting List(
        string name, string value, string description, Func<TrainSettings, string[], TrainSettings> set,
        Func<TrainSettings, IReadOnlyList<string>> get) =>
        new(name, value, description, (settings, text) => set(settings, Items(text)),
            settings => get(settings) is { Count: > 0 } list ? string.Join(ListSeparator, list) : null)
        {
            IsList = true,
        };

    private static TrainSetting Flag(
        string name, string description, Func<TrainSettings, bool, TrainSettings> set, Func<TrainSettings, bool> get) =>
        new(name, null, description, (settings, text) => set(settings, text == "yes"),
            settings => get(settings) ? "yes" : null);

    private static TrainSetting Choice(
        string name, string[] choices, string description, Func<TrainSettings, string, TrainSettings> set,
        Func<TrainSettings, string?> get) =>
        new(name, choices.Length > 3 ? "NAME" : string.Join('|', choices),
            choices.Length > 3 ? $"{description}: {string.Join(", ", choices)}" : description,
            (settings, text) => set(settings, choices.Contains(text, StringComparer.Ordinal)
                ? text : throw Refuse(name, "one of " + string.Join(", ", choices), text)),
            get);

    private static TrainSetting Whole(
        string name, long least, long most, string description, Func<TrainSettings, long, TrainSettings> set,
        Func<TrainSettings, long?> get) =>
        new(name, "N", description,
            (settings, text) => set(settings,
                long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
                    && value >= least && value <= most
                    ? value : throw Refuse(name, $"a whole number from {least} to {most}", text)),
            settings => get(settings)?.ToString(CultureInfo.InvariantCulture));

    private static TrainSetting Number(
        string name, double least, double most, string description, Func<TrainSettings, double, TrainSettings> set,
        Func<TrainSettings, double?> get) =>
        new(name, "X", description,
            (settings, text) => set(settings,
                double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
                    && value >= least && value <= most
                    ? value : throw Refuse(name, $"a number from {least} to {most}", text)),
            settings => get(settings)?.ToString("R", CultureInfo.InvariantCulture));

    private static string OneCharacter(string text) => text switch
    {
        "tab" or "\\t" or "\t" => "\t",
        { Length: 1 } => text,
        _ => throw Refuse("separator", "one character, or tab", text),
    };

    private static (int Height, int Width) SizeOf(string text)
    {
        int[] sides = [.. text.Split('x').Select(static side =>
            int.TryParse(side, NumberStyles.None, CultureInfo.InvariantCulture, out int pixels) ? pixels : 0)];
        if (sides.Length <= 2 && sides.All(static side => side is > 0 and <= 4096)) return (sides[0], sides[^1]);
        throw Refuse("size", "a height and a width from 1 to 4096, as 64x64", text);
    }

    private static WorkbenchException Refuse(string name, string expected, string got) =>
        WorkbenchException.Usage($"--{name}: expected {expected}, got {got}.");
}
