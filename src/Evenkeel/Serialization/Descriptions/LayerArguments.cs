using System.Text.Json.Nodes;
using Evenkeel.Nn;

namespace Evenkeel.Serialization;

/// <summary>Writes the arguments of a layer; those that have their default are left out.</summary>
internal sealed class LayerArguments(JsonObject layer)
{
    public LayerArguments Integer(string name, int value)
    {
        layer[name] = value;
        return this;
    }

    public LayerArguments Integer(string name, int? value, int? @default) =>
        value == @default || value is not { } number ? this : Integer(name, number);

    public LayerArguments Integers(string name, IEnumerable<int> values)
    {
        var list = new JsonArray();
        foreach (int value in values) list.Add((JsonNode)value);
        layer[name] = list;
        return this;
    }

    /// <summary>Null is a value if the default is a number.</summary>
    public LayerArguments Number(string name, double? value, double? @default)
    {
        if (value != @default) layer[name] = value is { } number ? JsonValue.Create(number) : null;
        return this;
    }

    public LayerArguments Flag(string name, bool value, bool @default)
    {
        if (value != @default) layer[name] = value;
        return this;
    }

    public LayerArguments Choice<T>(string name, T value, T @default) where T : struct, Enum
    {
        if (!value.Equals(@default)) layer[name] = value.ToString();
        return this;
    }

    public LayerArguments Size(string name, Size2 value)
    {
        layer[name] = SizeOf(value);
        return this;
    }

    public LayerArguments Size(string name, Size2? value, Size2? @default) =>
        value == @default || value is not { } size ? this : Size(name, size);

    /// <summary>A height and a width of which each may be null.</summary>
    public LayerArguments OpenSize(string name, (int? Height, int? Width) value)
    {
        if (value is { Height: { } height, Width: { } width }) return Size(name, new Size2(height, width));
        layer[name] = new JsonArray(value.Height, value.Width);
        return this;
    }

    /// <summary>A depth, a height and a width of which each may be null.</summary>
    public LayerArguments OpenSize3(string name, (int? Depth, int? Height, int? Width) value)
    {
        if (value is { Depth: { } depth, Height: { } height, Width: { } width })
            return Size3(name, new Size3(depth, height, width));
        layer[name] = new JsonArray(value.Depth, value.Height, value.Width);
        return this;
    }

    /// <summary>A number if both factors are the same, otherwise both.</summary>
    public LayerArguments Scale(string name, Scale2? value)
    {
        if (value is not { } scale) return this;
        layer[name] = scale.Height == scale.Width
            ? JsonValue.Create(scale.Width)
            : new JsonArray(scale.Height, scale.Width);
        return this;
    }

    public LayerArguments Size3(string name, Size3 value)
    {
        layer[name] = SizeOf(value);
        return this;
    }

    public LayerArguments Size3(string name, Size3 value, Size3 @default) =>
        value == @default ? this : Size3(name, value);

    /// <summary>A word, a size, or the sides in the order left, right, top, bottom, front, back.</summary>
    public LayerArguments Padding(Padding value)
    {
        if (value == default) return this;
        layer["padding"] = value switch
        {
            { IsSame: true } => "same",
            { IsValid: true } => "valid",
            { IsSymmetric: true, Front: null } => SizeOf(new Size2(value.Top, value.Left)),
            { IsSymmetric: true, Front: { } depth } => SizeOf(new Size3(depth, value.Top, value.Left)),
            { Front: { } front, Back: { } back } =>
                new JsonArray(value.Left, value.Right, value.Top, value.Bottom, front, back),
            _ => new JsonArray(value.Left, value.Right, value.Top, value.Bottom),
        };
        return this;
    }

    public LayerArguments Shape(string name, Shape value)
    {
        if (value.Rank != 1) return Integers(name, value.ToArray());
        return Integer(name, value[0]);
    }

    public LayerArguments Standardization(WeightStandardization? value)
    {
        const string Name = "weightStandardization";
        if (value is null) return this;
        layer[Name] = value.Eps == new WeightStandardization().Eps ? true : value.Eps;
        return this;
    }

    /// <summary>A kind of norm: its name, or an object if it has settings.</summary>
    public LayerArguments Norm(NormKind? value, NormKind? @default = null)
    {
        if (value is null || value.Equals(@default)) return this;
        if (value is { Groups: 0, Eps: null, Momentum: null })
        {
            layer["norm"] = value.Family.ToString();
            return this;
        }

        var kind = new JsonObject { [LayerReader.TypeKey] = value.Family.ToString() };
        new LayerArguments(kind).Integer("groups", value.Groups, 0).Number("eps", value.Eps, null)
            .Number("momentum", value.Momentum, null);
        layer["norm"] = kind;
        return this;
    }

    /// <summary>An object as an argument.</summary>
    public LayerArguments Object(string name, Action<LayerArguments> write)
    {
        var inner = new JsonObject();
        write(new LayerArguments(inner));
        layer[name] = inner;
        return this;
    }

    public LayerArguments Text(string name, string value)
    {
        layer[name] = value;
        return this;
    }

    private static JsonNode SizeOf(Size3 size) => size == size.Width
        ? JsonValue.Create(size.Width)
        : new JsonArray(size.Depth, size.Height, size.Width);

    private static JsonNode SizeOf(Size2 size) => size.Height == size.Width
        ? JsonValue.Create(size.Width)
        : new JsonArray(size.Height, size.Width);
}
