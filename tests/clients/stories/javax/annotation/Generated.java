package javax.annotation;

/** What the generated sources bear, and no JDK since 11 has. */
public @interface Generated {
    String[] value();

    String date() default "";

    String comments() default "";
}
