using System.Globalization;
using System.Reflection;
using System.Xml.Linq;

namespace Evenkeel.Tests;

/// <summary>The XML documentation that the library ships, by the compiler's names of members.</summary>
internal static class LibraryDocumentation
{
    public static IReadOnlyDictionary<string, XElement> Members { get; } = XDocument
        .Load(Path.ChangeExtension(typeof(Tensor).Assembly.Location, ".xml"))
        .Descendants("member")
        .ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal);

    /// <summary>The documentation of a method or constructor, or null.</summary>
    public static XElement? Of(MethodBase method) => Members.GetValueOrDefault(NameOf(method));

    /// <summary>The name of a method as the compiler writes it, <c>M:Evenkeel.Tensor.Max(System.Int32)</c>.</summary>
    public static string NameOf(MethodBase method)
    {
        string name = method.IsConstructor ? "#ctor" : method.Name.Replace('.', '#');
        string arity = method.IsGenericMethod
            ? string.Create(CultureInfo.InvariantCulture, $"``{method.GetGenericArguments().Length}")
            : "";
        ParameterInfo[] parameters = method.GetParameters();
        string list = string.Join(',', parameters.Select(parameter => NameOf(parameter.ParameterType)));
        string result = method is MethodInfo { Name: "op_Implicit" or "op_Explicit" } conversion
            ? $"~{NameOf(conversion.ReturnType)}"
            : "";
        return $"M:{NameOf(method.DeclaringType!)}.{name}{arity}{(list.Length == 0 ? "" : $"({list})")}{result}";
    }

    private static string NameOf(Type type)
    {
        if (type.IsByRef) return $"{NameOf(type.GetElementType()!)}@";
        if (type.IsPointer) return $"{NameOf(type.GetElementType()!)}*";
        if (type.IsSZArray) return $"{NameOf(type.GetElementType()!)}[]";
        if (type.IsArray)
        {
            string bounds = string.Join(',', Enumerable.Repeat("0:", type.GetArrayRank()));
            return $"{NameOf(type.GetElementType()!)}[{bounds}]";
        }

        if (type.IsGenericMethodParameter)
            return string.Create(CultureInfo.InvariantCulture, $"``{type.GenericParameterPosition}");
        if (type.IsGenericTypeParameter)
            return string.Create(CultureInfo.InvariantCulture, $"`{type.GenericParameterPosition}");
        if (!type.IsConstructedGenericType) return type.FullName!.Replace('+', '.');
        string open = type.GetGenericTypeDefinition().FullName!.Replace('+', '.');
        return $"{open[..open.IndexOf('`', StringComparison.Ordinal)]}"
            + $"{{{string.Join(',', type.GetGenericArguments().Select(NameOf))}}}";
    }
}
