using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>The fields of modules as <see cref="ModuleCopier"/> looks at them, and what it refuses there.</summary>
internal static class CopiedFields
{
    private const BindingFlags Declared =
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The fields of a type and of those above it, of a module's without <see cref="Module"/>'s own.</summary>
    public static IEnumerable<FieldInfo> Of(
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.AllFields)] Type type)
    {
        for (Type? t = type; t is not null && t != typeof(Module); t = t.BaseType)
        {
            foreach (FieldInfo field in t.GetFields(Declared)) yield return field;
        }
    }

    /// <summary>The type of the elements of an array or a <see cref="List{T}"/>; null for every other list.</summary>
    public static Type? ItemType(IList list) => list.GetType() switch
    {
        { IsSZArray: true } array => array.GetElementType(),
        { IsGenericType: true } type when type.GetGenericTypeDefinition() == typeof(List<>) =>
            type.GetGenericArguments()[0],
        _ => null,
    };

    /// <summary>An array or a <see cref="List{T}"/> of the same objects.</summary>
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicConstructors, typeof(List<>))]
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "The constructors of List are kept.")]
    public static IList ShallowCopy(IList list) =>
        (IList)(list is Array array ? array.Clone() : Activator.CreateInstance(list.GetType(), list)!);

    /// <summary>
    /// Whether an object that is not copied leads to a part of a network: by its type, or by one of its fields. For a
    /// function it is the object that it belongs to.
    /// </summary>
    [UnconditionalSuppressMessage("Trimming", "IL2072", Justification = "The fields of modules are kept. Other types "
        + "keep those that code uses; if they are compiled ahead of time, the check sees none of them.")]
    public static bool LeadsToNetwork(object held)
    {
        object owner = (held as Delegate)?.Target ?? held;
        return Names(owner.GetType())
            || Of(owner.GetType()).Any(field => field.GetValue(owner) is { } value && Names(value.GetType()));
    }

    /// <summary>What a field, or an array or a list in it, is to hold, if it admits that.</summary>
    /// <param name="field">The field.</param>
    /// <param name="expected">Its type, or that of the elements.</param>
    /// <param name="mapped">What stands in the copy.</param>
    /// <exception cref="InvalidOperationException">It does not admit it; the text names it.</exception>
    public static object Admitted(FieldInfo field, Type expected, object mapped) =>
        expected.IsInstanceOfType(mapped) ? mapped : throw NotAdmitted(Place(field), expected, mapped);

    /// <summary>The error that a place does not admit a substitute.</summary>
    public static InvalidOperationException NotAdmitted(string place, Type expected, object mapped) => new(
        $"Module.Clone: {place} admits a {NameOf(expected)} only; the substitute {NameOf(mapped.GetType())} cannot "
        + $"stand there. Declare it with a type that admits both, for example {nameof(Module)}, "
        + "or replace the module that contains it.");

    /// <summary>The error that a copy would use the original's network through a field.</summary>
    public static InvalidOperationException Shared(FieldInfo field, object held) => new(
        "Module.Clone: expected modules, parameters and tensors in fields, arrays and lists, got "
        + $"{Place(field)} of type {NameOf(held.GetType())}, which holds some in another way; the copy would use "
        + "the original's. Override CopyState in the module and set the field there.");

    /// <summary>Whether a type is that of a part of a network, or has one as element or type argument.</summary>
    private static bool Names(Type type) => !type.IsAssignableTo(typeof(Delegate))
        && (type.IsAssignableTo(typeof(Module)) || type.IsAssignableTo(typeof(IRandomStream))
            || type == typeof(Parameter) || type == typeof(StateBuffer) || type == typeof(RunningStatistics)
            || type == typeof(Tensor) || (type.GetElementType() is { } element && Names(element))
            || type.GetGenericArguments().Any(Names));

    /// <summary>A field under its name in the source: a property's for its field.</summary>
    private static string Place(FieldInfo field) =>
        $"{NameOf(field.DeclaringType!)}.{field.Name.TrimStart('<').Split('>')[0]}";

    private static string NameOf(Type type) => type.Name.Split('`')[0];
}
